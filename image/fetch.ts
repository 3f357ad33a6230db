import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdir, mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { homedir } from 'node:os'
import { basename, join } from 'node:path'
import { promisify } from 'node:util'
import type { DebianPackage, Inputs } from './inputs.ts'

/** Why an input cannot be had. */
export class InputError extends Error {
  /** `gone`: the archive has it no longer. `changed`: it is not what was pinned. `unreachable`: nobody could be asked. */
  readonly code: 'gone' | 'changed' | 'unreachable'

  constructor(code: InputError['code'], message: string, options?: ErrorOptions) {
    super(message, options)
    this.code = code
  }
}

/** Where fetched inputs stay, so that the next build needs no network. */
export const defaultCache: string =
  process.env['HOLDFAST_IMAGE_CACHE'] ??
  join(process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'holdfast-image')

/**
 * The archive of Debian packages that this machine installs from; `undefined` on one that is no Debian. Security updates are taken from
 * the archive beside it.
 */
export async function archiveOfMachine(etc = '/etc/apt'): Promise<string | undefined> {
  const sources = await readFile(join(etc, 'sources.list.d/debian.sources'), 'utf8').catch(() => '')
  const list = await readFile(join(etc, 'sources.list'), 'utf8').catch(() => '')
  const url =
    /^URIs:\s*(\S+)/m.exec(sources)?.[1] ?? /^deb\s+(?:\[[^\]]*\]\s+)?(\S+)/m.exec(list)?.[1]
  return url?.replace(/\/$/, '')
}

/** The path of a file with this hash in the cache, brought there by `bring` when it is not; a damaged one is brought anew. */
async function cached(
  { cache, name, hash }: { cache: string; name: string; hash: Hash },
  bring: () => Promise<Buffer>,
): Promise<string> {
  const path = join(cache, name)
  const held = await readFile(path).catch(() => undefined)
  if (held !== undefined && matches(held, hash)) return path
  const bytes = await bring()
  if (!matches(bytes, hash)) throw new InputError('changed', `${name} is not what was pinned`)
  await mkdir(cache, { recursive: true })
  const work = await mkdtemp(join(cache, '.fetch-'))
  try {
    await writeFile(join(work, name), bytes)
    await rename(join(work, name), path)
  } finally {
    await rm(work, { recursive: true })
  }
  return path
}

interface Hash {
  readonly algorithm: string
  readonly encoding: 'hex' | 'base64'
  readonly value: string
}

const matches = (bytes: Buffer, { algorithm, encoding, value }: Hash): boolean =>
  createHash(algorithm).update(bytes).digest(encoding) === value

/** Fetches a Debian package, or finds it in the cache. `archive` is the URL that ends in `/debian`. */
export function fetchDeb(
  { archive: kind, path, sha256, name, version }: DebianPackage,
  { cache, archive }: { readonly cache: string; readonly archive: string | undefined },
): Promise<string> {
  const hash = { algorithm: 'sha256', encoding: 'hex', value: sha256 } as const
  return cached({ cache, name: basename(path), hash }, async () => {
    if (archive === undefined) {
      throw new InputError('unreachable', 'this is no Debian: name its archive with --debian URL')
    }
    const base = kind === 'debian' ? archive : `${archive}-security`
    const url = `${base}/${path.split('/').map(encodeURIComponent).join('/')}`
    const answer = await fetch(url).catch((cause: unknown) => {
      throw new InputError('unreachable', `${url} cannot be asked`, { cause })
    })
    if (answer.status === 404) {
      throw new InputError(
        'gone',
        `${name} ${version} is no longer in the archive: pin what is there now (npm run image:pin), or name an archive of that day with --debian URL`,
      )
    }
    if (!answer.ok) throw new InputError('unreachable', `${url} answers ${answer.status}`)
    return Buffer.from(await answer.arrayBuffer())
  })
}

/** Fetches the package of npm that holds Node for a processor, or finds it in the cache. npm knows the registry. */
export function fetchNode(
  version: string,
  { name, integrity }: Inputs['node']['packages'][number],
  { cache }: { readonly cache: string },
): Promise<string> {
  const [algorithm = '', value = ''] = integrity.split(/-(.*)/s)
  const hash = { algorithm, encoding: 'base64', value } as const
  return cached({ cache, name: `${name}-${version}.tgz`, hash }, async () => {
    await mkdir(cache, { recursive: true })
    const work = await mkdtemp(join(cache, '.fetch-'))
    try {
      const words = ['pack', `${name}@${version}`, '--silent', '--pack-destination', work]
      await promisify(execFile)('npm', words).catch((cause: unknown) => {
        throw new InputError('unreachable', `npm has no ${name}@${version}`, { cause })
      })
      return await readFile(join(work, `${name}-${version}.tgz`))
    } finally {
      await rm(work, { recursive: true })
    }
  })
}

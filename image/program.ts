import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type Entry, file, symlink } from './entry.ts'
import { isLicense, nameOf } from './modules.ts'

/** Where Holdfast and the packages that it loads lie in the image. */
export const home = 'opt/holdfast'

/** What the image needs to know of the project's package. */
export interface Manifest {
  readonly name: string
  readonly version: string
  readonly description: string
  readonly license: string
  readonly type: string
}

export async function readManifest(root: string): Promise<Manifest> {
  return JSON.parse(await readFile(join(root, 'package.json'), 'utf8')) as Manifest
}

/** Holdfast itself: the built program, what it reads beside it, the command `holdfast`, and a configuration of defaults. */
export async function makeProgram(root: string): Promise<readonly Entry[]> {
  const { name, version, description, license, type } = await readManifest(root)
  const manifest = { name, version, description, license, type, private: true }
  const read = async (path: string, to: string) => file(to, await readFile(join(root, path)))
  return [
    file(`${home}/package.json`, `${JSON.stringify(manifest, undefined, 2)}\n`),
    await read('LICENSE', `${home}/LICENSE`),
    await read('config/holdfast.yaml', 'etc/holdfast/holdfast.yaml'),
    ...(await filesBelow(root, 'migrations')),
    ...(await filesBelow(root, 'proto')),
    ...(await filesBelow(root, 'dist', path => !path.endsWith('.map'))).map(asProgram),
    symlink('usr/bin/holdfast', `../../${home}/dist/main.js`),
  ]
}

const main = `${home}/dist/main.js`

/** The kernel starts `main.js` by its first line; there is no `/usr/bin/env` to look for Node. */
function asProgram(entry: Entry): Entry {
  if (entry.path !== main) return entry
  const text = String(entry.data)
  const started = text.replace(/^#!.*\n/, '#!/usr/bin/node\n')
  if (!started.startsWith('#!/usr/bin/node\n')) throw new Error('dist/main.js has no first line #!')
  return { ...entry, mode: 0o755, data: Buffer.from(started) }
}

async function filesBelow(
  root: string,
  folder: string,
  isWanted: (path: string) => boolean = () => true,
): Promise<readonly Entry[]> {
  const names = await readdir(join(root, folder), { recursive: true, withFileTypes: true })
  const paths = names
    .filter(found => found.isFile())
    .map(({ parentPath, name }) => join(parentPath, name).slice(root.length + 1))
    .filter(isWanted)
  return Promise.all(
    paths.map(async path => file(`${home}/${path}`, await readFile(join(root, path)))),
  )
}

/** The terms of the packages that were bundled into the program, whose own folders the image does not have, by their paths. */
export async function licensesOf(root: string, packages: readonly string[]): Promise<Entry> {
  const texts: string[] = []
  for (const path of packages) {
    texts.push(`${'='.repeat(80)}\n${nameOf(path)}\n${'='.repeat(80)}\n`)
    for (const name of (await readdir(join(root, path))).sort()) {
      if (isLicense(name)) texts.push(await readFile(join(root, path, name), 'utf8'))
    }
  }
  return file('usr/share/doc/holdfast/licenses-of-bundled-packages.txt', `${texts.join('\n')}\n`)
}

import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type Entry, file } from './entry.ts'
import { isLicense, nameOf } from './modules.ts'

/** Where a package has Holdfast and Node, from the root without a slash before. */
export interface Place {
  /** Holdfast and the packages that it loads. */
  readonly home: string
  /** The program of Node. */
  readonly node: string
  /** The terms of Node. */
  readonly nodeLicense: string
}

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

/** Holdfast itself: the built program, by paths from the checkout, and what it reads beside it. */
export async function makeProgram(
  root: string,
  bundles: ReadonlyMap<string, Uint8Array>,
  place: Place,
): Promise<readonly Entry[]> {
  const { home } = place
  const { name, version, description, license, type } = await readManifest(root)
  const manifest = { name, version, description, license, type, private: true }
  const read = async (path: string, to: string) => file(to, await readFile(join(root, path)))
  return [
    file(`${home}/package.json`, `${JSON.stringify(manifest, undefined, 2)}\n`),
    await read('LICENSE', `${home}/LICENSE`),
    ...(await filesBelow(root, 'migrations', home)),
    ...(await filesBelow(root, 'proto', home)),
    ...[...bundles]
      .filter(([path]) => !path.endsWith('.map'))
      .map(([path, data]) => asProgram(file(`${home}/${path}`, Buffer.from(data)), place)),
  ]
}

/** The kernel starts `main.js` by its first line; there may be no `/usr/bin/env` to look for Node, or one that finds another Node. */
function asProgram(entry: Entry, { home, node }: Place): Entry {
  if (entry.path !== `${home}/dist/main.js`) return entry
  const text = String(entry.data)
  const first = `#!/${node}\n`
  const started = text.replace(/^#!.*\n/, first)
  if (!started.startsWith(first)) throw new Error('dist/main.js has no first line #!')
  return { ...entry, mode: 0o755, data: Buffer.from(started) }
}

async function filesBelow(root: string, folder: string, home: string): Promise<readonly Entry[]> {
  const names = await readdir(join(root, folder), { recursive: true, withFileTypes: true })
  const paths = names
    .filter(found => found.isFile())
    .map(({ parentPath, name }) => join(parentPath, name).slice(root.length + 1))
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

import { createHash } from 'node:crypto'
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type Architecture, arrange, type Entry, file, totalBytes } from '../image/entry.ts'
import type { Manifest, Place } from '../image/program.ts'

/** Where the package has them: beside a Node that Debian may have for others, with documents of its own. */
export const place: Place = {
  home: 'usr/lib/holdfast',
  node: 'usr/lib/holdfast/bin/node',
  nodeLicense: 'usr/share/doc/holdfast/copyright-of-node',
}

/** Where the files of this folder go; what is executable is a program. */
const placed: Readonly<Record<string, { readonly path: string; readonly mode?: number }>> = {
  holdfast: { path: 'usr/bin/holdfast', mode: 0o755 },
  'holdfast.service': { path: 'usr/lib/systemd/system/holdfast.service' },
  'holdfast.sysusers': { path: 'usr/lib/sysusers.d/holdfast.conf' },
  'holdfast.tmpfiles': { path: 'usr/lib/tmpfiles.d/holdfast.conf' },
  'holdfast.yaml': { path: 'etc/holdfast/holdfast.yaml' },
}
/** Run by dpkg. https://www.debian.org/doc/debian-policy/ch-maintainerscripts.html */
const scripts = ['postinst', 'prerm', 'postrm'] as const

const files = join(import.meta.dirname, 'files')
const documents = 'usr/share/doc/holdfast'
/** By their paths in the project, so that links among them lead somewhere; pages of `docs` come besides. */
const shipped = [
  'ARCHITECTURE.md',
  'CHANGELOG.md',
  'CONTRIBUTING.md',
  'Dockerfile',
  'README.md',
  'SECURITY.md',
  'config/holdfast.yaml',
  'docs/openapi.json',
  'helm/holdfast/README.md',
  'helm/holdfast/alerts/holdfast.yaml',
  'helm/holdfast/dashboards/holdfast.json',
  'image/inputs.json',
] as const

/** What Debian's system adds to Holdfast: service, user, directories, command, configuration, documents. */
export async function systemEntries(root: string): Promise<readonly Entry[]> {
  const service = await Promise.all(
    Object.entries(placed).map(async ([name, { path, mode }]): Promise<Entry> => {
      const made = file(path, await readFile(join(files, name)))
      return mode === undefined ? made : { ...made, mode }
    }),
  )
  const names = [...shipped, ...(await pagesOf(root))]
  const texts = await Promise.all(
    names.map(async name => file(`${documents}/${name}`, await readFile(join(root, name)))),
  )
  return [
    ...service,
    ...texts,
    file(`${documents}/copyright`, await readFile(join(root, 'LICENSE'))),
  ]
}

async function pagesOf(root: string): Promise<readonly string[]> {
  const names = await readdir(join(root, 'docs'))
  return names
    .filter(name => name.endsWith('.md'))
    .sort()
    .map(name => `docs/${name}`)
}

/** What dpkg is told of a package, below `DEBIAN`. https://www.debian.org/doc/debian-policy/ch-controlfields.html */
export async function controlEntries(
  entries: readonly Entry[],
  { manifest, architecture }: { readonly manifest: Manifest; readonly architecture: Architecture },
): Promise<readonly Entry[]> {
  const settings = entries.filter(({ path, type }) => type === 'file' && path.startsWith('etc/'))
  const run = await Promise.all(
    scripts.map(async (name): Promise<Entry> => {
      const made = file(`DEBIAN/${name}`, await readFile(join(files, name)))
      return { ...made, mode: 0o755 }
    }),
  )
  return [
    ...run,
    file('DEBIAN/control', controlOf(manifest, { architecture, bytes: totalBytes(entries) })),
    file('DEBIAN/conffiles', settings.map(({ path }) => `/${path}\n`).join('')),
    file('DEBIAN/md5sums', sums(entries)),
  ]
}

function controlOf(
  { name, version, description }: Manifest,
  { architecture, bytes }: { readonly architecture: Architecture; readonly bytes: number },
): string {
  const fields = {
    Package: name,
    Version: version,
    Architecture: architecture,
    Maintainer: 'Holdfast <holdfast@localhost>',
    'Installed-Size': String(Math.ceil(bytes / 1024)),
    // What Node and the addon of SQLite ask of the C and C++ libraries, and what the scripts call.
    Depends:
      'libc6 (>= 2.34), libstdc++6 (>= 11), libgcc-s1, systemd (>= 247), init-system-helpers (>= 1.51)',
    Enhances: 'containerd, podman, docker.io',
    Section: 'net',
    Priority: 'optional',
    Description: `${description}\n It asks registries for tags under a deadline, goes on with the last known digest when they\n are away, and has what the other nodes hold.`,
  }
  return Object.entries(fields)
    .map(([key, value]) => `${key}: ${value}\n`)
    .join('')
}

/** For `dpkg --verify`; files that are for the operator to change are left out. */
function sums(entries: readonly Entry[]): string {
  return arrange(entries)
    .filter(({ path, type }) => type === 'file' && !path.startsWith('etc/'))
    .map(({ path, data }) => {
      const sum = createHash('md5')
        .update(data ?? '')
        .digest('hex')
      return `${sum}  ${path}\n`
    })
    .join('')
}

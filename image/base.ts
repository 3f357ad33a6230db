import { directory, type Entry, file, ownUser } from './entry.ts'
import { readControl, unpackDeb, type Wanted } from './unpack.ts'

/**
 * The Debian packages that the base is made of: the C and C++ libraries that Node needs, certificates, what tells scanners whose they are, and
 * `mount` with its libraries, which `containerd.fallback: auto` starts.
 */
export const basePackages = [
  'base-files',
  'ca-certificates',
  'gcc-14-base',
  'libblkid1',
  'libc6',
  'libgcc-s1',
  'libmount1',
  'libpcre2-8-0',
  'libselinux1',
  'libstdc++6',
  'mount',
] as const

/** Libraries and the loader, who made them under which license, and where Debian has its directories. Of programs two, and so no shell. */
const wantedPaths = [
  /^usr\/lib\/[^/]+-linux-gnu\/[^/]+\.so\.[0-9.]+$/,
  /^usr\/lib(64)?\/([^/]+-linux-gnu\/)?ld-linux[^/]*$/,
  /^(usr\/lib|etc)\/os-release$/,
  /^usr\/share\/doc\/[^/]+\/copyright$/,
  /^usr\/share\/common-licenses\//,
  /^usr\/bin\/u?mount$/,
]
/** Directories that are links: a package's documents with another one, `/lib` in `/usr`. */
const wantedLinks = [/^usr\/share\/doc\/[^/]+$/, /^(bin|lib|lib64|sbin)$/]

const certificates = /^usr\/share\/ca-certificates\/mozilla\/.+\.crt$/

const isWanted: Wanted = (path, type) =>
  (type !== 'directory' && [...wantedPaths, certificates].some(wanted => wanted.test(path))) ||
  (type === 'symlink' && wantedLinks.some(wanted => wanted.test(path)))

/** The root file system below Node and Holdfast, out of Debian packages: their paths on this machine, by name. */
export async function makeBase(debs: ReadonlyMap<string, string>): Promise<readonly Entry[]> {
  const entries: Entry[] = [...ownFiles]
  const roots: Entry[] = []
  for (const [name, deb] of [...debs].sort(([a], [b]) => (a < b ? -1 : 1))) {
    for (const entry of await unpackDeb(deb, isWanted)) {
      if (certificates.test(entry.path)) roots.push(entry)
      // Debian lets everybody start `mount` as root.
      else entries.push({ ...entry, mode: entry.mode & 0o777 })
    }
    // Where scanners look in images without dpkg's own database.
    entries.push(file(`var/lib/dpkg/status.d/${name}`, await readControl(deb)))
  }
  entries.push(file('etc/ssl/certs/ca-certificates.crt', bundle(roots)))
  return entries
}

/** Certificates one after the other: what `update-ca-certificates` makes of them. */
function bundle(roots: readonly Entry[]): string {
  const sorted = [...roots].sort((a, b) => (a.path < b.path ? -1 : 1))
  return sorted.map(({ data }) => `${data?.toString('latin1').trimEnd()}\n`).join('')
}

const home = '/var/lib/holdfast'
const ownFiles: readonly Entry[] = [
  file(
    'etc/passwd',
    [
      'root:x:0:0:root:/root:/usr/sbin/nologin',
      'nobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin',
      `holdfast:x:${ownUser}:${ownUser}:holdfast:${home}:/usr/sbin/nologin`,
      '',
    ].join('\n'),
  ),
  file('etc/group', `root:x:0:\nnogroup:x:65534:\nholdfast:x:${ownUser}:\n`),
  // Without it the C library asks DNS before /etc/hosts.
  file('etc/nsswitch.conf', 'passwd: files\ngroup: files\nhosts: files dns\n'),
  ...['dev', 'proc', 'run', 'sys'].map(path => directory(path)),
  directory('tmp', { mode: 0o1777 }),
  directory(home.slice(1), { mode: 0o700, owner: ownUser }),
]

import { execFile } from 'node:child_process'
import { readdir, readFile, readlink, realpath } from 'node:fs/promises'
import { HoldfastError } from '../../ports/errors.ts'
import { codeOf, ifThere } from './whole-file.ts'

/** One mount as this process sees it. */
export interface Mount {
  readonly id: string
  /** What it is mounted on. */
  readonly parent: string
  /** Where it stands. */
  readonly path: string
  /** What of its file system is seen there. */
  readonly root: string
  /** What is mounted below it is mounted for a group of others, too. */
  readonly isShared: boolean
  /** It takes part in the mounts of a group; those made here do not reach that group. */
  readonly isSlave: boolean
}

/** `mount` and `umount` end at once; whoever hangs longer than this, ms, hangs in a dead network disk. */
const mountWithinMs = 10_000

/** Reads https://man7.org/linux/man-pages/man5/proc_pid_mountinfo.5.html, in the order in which they were mounted. */
async function readMounts(): Promise<readonly Mount[]> {
  return parseMounts((await ifThere(readFile('/proc/self/mountinfo', 'utf8'))) ?? '')
}

/** A line: `36 35 98:0 /root /mount/point options [shared:N] [master:N] - type source options`. */
export function parseMounts(text: string): readonly Mount[] {
  return text
    .split('\n')
    .filter(line => line !== '')
    .map(line => {
      const [id = '', parent = '', , root = '', path = '', , ...rest] = line.split(' ')
      const optional = rest.slice(0, rest.indexOf('-'))
      return {
        id,
        parent,
        path: unescaped(path),
        root: unescaped(root),
        isShared: optional.some(field => field.startsWith('shared:')),
        isSlave: optional.some(field => field.startsWith('master:')),
      }
    })
}

/** Blanks and the like are written in octal. */
const unescaped = (path: string): string =>
  path.replace(/\\([0-7]{3})/g, (_, digits: string) => String.fromCharCode(parseInt(digits, 8)))

/** A file of ours that stands in the place of another, also once it was replaced or removed. */
const ours = /\/\.holdfast\/upstream\/[^/]+\/hosts\.toml(\/\/deleted)?$/

/** Where files of ours are mounted just now, without links in the paths. */
export const boundPaths = async (): Promise<ReadonlySet<string>> => boundAmong(await readMounts())

/**
 * Of these mounts. One that another covers counts for nothing, and cannot be taken away: a container into which `/etc/containerd` is mounted,
 * and above it `certs.d` once more, has what stood there twice.
 */
export function boundAmong(mounts: readonly Mount[]): ReadonlySet<string> {
  const bound = mounts.filter(
    mount => ours.test(mount.root) && holderOf(mounts, mount.path) === mount,
  )
  return new Set(bound.map(({ path }) => path))
}

/** A path without links in it; absent: it leads nowhere. */
export async function realOf(path: string): Promise<string | undefined> {
  try {
    return await realpath(path)
  } catch (error) {
    if (['ENOENT', 'ENOTDIR', 'ELOOP'].includes(codeOf(error) ?? '')) return undefined
    throw error
  }
}

/** Whether a file of ours is mounted there. */
async function isBound(path: string): Promise<boolean> {
  const real = await realOf(path)
  return real !== undefined && (await boundPaths()).has(real)
}

/** Lets a file of ours be read in the place of another, until the machine stops. Throws `HoldfastError` with what `mount` said. */
export async function bindFile(source: string, target: string): Promise<void> {
  await run('mount', ['--bind', source, target])
}

/** What `umount` says to who may not. */
const unprivileged = /superuser|not permitted|permission denied/i

/**
 * Takes a file of ours away again, also from who reads it just now. Throws `HoldfastError` with what `umount` said, and with what to do where
 * it lacks the right.
 */
export async function unbind(path: string): Promise<void> {
  while (await isBound(path)) {
    await run('umount', ['-l', path]).catch(error => {
      if (!(error instanceof HoldfastError) || !unprivileged.test(error.message)) throw error
      const why = 'fallback auto mounted a file there, and only who is privileged takes it away'
      const cure =
        'with the chart: helm upgrade with the values of now and --set leavingAuto=true; elsewhere: run this as root'
      throw new HoldfastError('config-invalid', `${error.message} (${why}). ${cure}`, error)
    })
  }
}

/** Often enough: who mounts again in between looks every few seconds. */
const mostTries = 5

/**
 * Does something to a file that a mount forbids, while the running node may mount over it at any moment. Throws `HoldfastError` where it stays
 * mounted, as where its directory stands at a second place that is not seen from here: what is to be done comes first, and has not begun.
 */
export async function withoutMount<T>(path: string, work: () => Promise<T>): Promise<T> {
  for (let tries = 1; ; tries += 1) {
    await unbind(path)
    try {
      return await work()
    } catch (error) {
      if (codeOf(error) !== 'EBUSY') throw error
      if (tries === mostTries) throw stillMounted(path, error)
    }
  }
}

function stillMounted(path: string, cause: unknown): HoldfastError {
  const what = `${path}: a file of fallback auto stays mounted on it, maybe where its directory stands a second time`
  const cure =
    "stop Holdfast, unmount on the machine itself what `findmnt -n -o TARGET | grep 'hosts.toml$'` lists there, and run this again"
  return new HoldfastError('config-invalid', `${what}. Nothing is lost: ${cure}`, cause)
}

/** Why containerd would not see what is mounted under a directory; absent: it does. */
export async function whyUnseen(directory: string): Promise<string | undefined> {
  const real = await realOf(directory)
  if (real === undefined) return `there is no ${directory}`
  const holder = holderOf(await readMounts(), real)
  if (holder?.isShared && !holder.isSlave) return undefined
  if (await isAmongContainerds()) return undefined
  return `mounts made by this process do not reach containerd: it needs containerd's mount namespace, or ${directory} shared both ways (mountPropagation: Bidirectional)`
}

/** The mount that a path lies in, found as the kernel finds it: from the root on, into whatever is mounted on the way. */
export function holderOf(mounts: readonly Mount[], path: string): Mount | undefined {
  const ids = new Set(mounts.map(({ id }) => id))
  let holder = mounts.find(mount => mount.path === '/' && !ids.has(mount.parent))
  for (let next = holder; next !== undefined; next = nextTowards(mounts, next, path)) holder = next
  return holder
}

/** Of what is mounted on a mount, the first that is met on the way to a path. */
function nextTowards(mounts: readonly Mount[], on: Mount, path: string): Mount | undefined {
  const leads = (mount: Mount) =>
    mount.path === '/' || path === mount.path || path.startsWith(`${mount.path}/`)
  return mounts
    .filter(mount => mount.parent === on.id && leads(mount))
    .reduce<Mount | undefined>(
      (first, mount) =>
        first === undefined || mount.path.length <= first.path.length ? mount : first,
      undefined,
    )
}

/** Whether a process named containerd has the mounts that this one has. */
async function isAmongContainerds(): Promise<boolean> {
  const own = await readlink('/proc/self/ns/mnt')
  for (const pid of await readdir('/proc')) {
    if (!/^\d+$/.test(pid)) continue
    if ((await readFile(`/proc/${pid}/comm`, 'utf8').catch(() => '')) !== 'containerd\n') continue
    if ((await readlink(`/proc/${pid}/ns/mnt`).catch(() => '')) === own) return true
  }
  return false
}

function run(command: string, args: readonly string[]): Promise<void> {
  return new Promise((resolve, reject) => {
    const env = { ...process.env, LC_ALL: 'C' } // what it says is read
    execFile(command, [...args], { timeout: mountWithinMs, env }, (error, _, said) => {
      if (error === null) return resolve()
      const why =
        said.trim().split('\n')[0] || (error.code === 'ENOENT' ? 'not found' : error.message)
      reject(new HoldfastError('config-invalid', `${command}: ${why}`, error))
    })
  })
}

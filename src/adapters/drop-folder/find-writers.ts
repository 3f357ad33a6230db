import { readdir, readFile, readlink, stat } from 'node:fs/promises'
import { join } from 'node:path'

/** A process that has a file open for writing. */
export interface Writer {
  readonly pid: number
  /** Of its program, as the kernel knows it. */
  readonly name: string
}

/** The bits of the flags of an open file that say how it is used; 0: reading alone. Source: `man 2 open`. */
const accessMode = 3

/**
 * Who has files open for writing, of the processes that this one may look into: all, for root, also those of containers. By the path that
 * was asked about; one that nobody writes has no entry, and none has one where there is no /proc. Source: `man 5 proc`.
 */
export async function findWriters(paths: readonly string[]): Promise<ReadonlyMap<string, Writer>> {
  const wanted = new Map<string, readonly string[]>()
  for (const path of paths) {
    const file = await stat(path).catch(() => undefined)
    if (file === undefined) continue
    wanted.set(nameOf(file), [...(wanted.get(nameOf(file)) ?? []), path])
  }
  const found = new Map<string, Writer>()
  const names = wanted.size === 0 ? [] : await readdir('/proc').catch(() => [])
  for (const pid of names.filter(name => /^\d+$/.test(name))) {
    const written = await writtenBy(join('/proc', pid), wanted)
    if (written.length === 0) continue
    const comm = await readFile(join('/proc', pid, 'comm'), 'utf8').catch(() => '')
    for (const path of written) found.set(path, { pid: Number(pid), name: comm.trim() })
  }
  return found
}

/** Tells files apart, whatever they are called. */
const nameOf = ({ dev, ino }: { readonly dev: number; readonly ino: number }): string =>
  `${dev} ${ino}`

/** The paths of wanted files that a process writes. */
async function writtenBy(
  folder: string,
  wanted: ReadonlyMap<string, readonly string[]>,
): Promise<readonly string[]> {
  const open = await readdir(join(folder, 'fd')).catch(() => [])
  const paths = await Promise.all(open.map(fd => pathsIfWritten(folder, fd, wanted)))
  return paths.flat()
}

async function pathsIfWritten(
  folder: string,
  fd: string,
  wanted: ReadonlyMap<string, readonly string[]>,
): Promise<readonly string[]> {
  const link = join(folder, 'fd', fd)
  try {
    if (!(await readlink(link)).startsWith('/')) return [] // no file
    const paths = wanted.get(nameOf(await stat(link)))
    if (paths === undefined) return []
    const flags = /^flags:\s*([0-7]+)/m.exec(await readFile(join(folder, 'fdinfo', fd), 'utf8'))
    const isWriting = (Number.parseInt(flags?.[1] ?? '0', 8) & accessMode) !== 0
    return isWriting ? paths : []
  } catch {
    return [] // it was closed, or is nobody's business
  }
}

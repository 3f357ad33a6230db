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
 * Who has a file open for writing, of the processes that this one may look into: all, for root, also those of containers; `undefined` when it
 * is nobody, or where there is no /proc. Source: `man 5 proc`.
 */
export async function findWriter(path: string): Promise<Writer | undefined> {
  const wanted = await stat(path).catch(() => undefined)
  if (wanted === undefined) return undefined
  const names = await readdir('/proc').catch(() => [])
  for (const pid of names.filter(name => /^\d+$/.test(name))) {
    const folder = join('/proc', pid)
    const open = await readdir(join(folder, 'fd')).catch(() => [])
    const writes = await Promise.all(open.map(fd => isWriting(folder, fd, wanted)))
    if (!writes.includes(true)) continue
    const name = await readFile(join(folder, 'comm'), 'utf8').catch(() => '')
    return { pid: Number(pid), name: name.trim() }
  }
  return undefined
}

async function isWriting(
  folder: string,
  fd: string,
  wanted: { readonly dev: number; readonly ino: number },
): Promise<boolean> {
  const link = join(folder, 'fd', fd)
  try {
    if (!(await readlink(link)).startsWith('/')) return false // no file
    const { dev, ino } = await stat(link)
    if (dev !== wanted.dev || ino !== wanted.ino) return false
    const flags = /^flags:\s*([0-7]+)/m.exec(await readFile(join(folder, 'fdinfo', fd), 'utf8'))
    return (Number.parseInt(flags?.[1] ?? '0', 8) & accessMode) !== 0
  } catch {
    return false // it was closed, or is nobody's business
  }
}

import { randomBytes } from 'node:crypto'
import { link, open, readdir, rename, rm } from 'node:fs/promises'
import { dirname, join } from 'node:path'

/** Writes a file so that whoever reads it finds it whole, as it was or as it is to be, also after a power cut. */
export async function writeWhole(
  path: string,
  text: string,
  mode: number,
  owner?: { readonly uid: number; readonly gid: number },
): Promise<void> {
  const temporary = join(dirname(path), `.holdfast-${randomBytes(6).toString('hex')}.new`)
  try {
    const file = await open(temporary, 'wx', mode)
    try {
      await file.writeFile(text)
      await file.chmod(mode) // whatever the umask is
      if (owner !== undefined) await file.chown(owner.uid, owner.gid)
      await file.sync()
    } finally {
      await file.close()
    }
    await rename(temporary, path)
  } finally {
    await rm(temporary, { force: true })
  }
  await syncDirectory(dirname(path))
}

/** Gives a file a second name, unless something has that name already. */
export async function linkUnlessThere(path: string, name: string): Promise<void> {
  try {
    await link(path, name)
  } catch (error) {
    if (codeOf(error) !== 'EEXIST') throw error
  }
}

/** Takes away what a write that was cut short left in a directory. */
export async function removeUnfinished(directory: string): Promise<void> {
  for (const name of (await ifThere(readdir(directory))) ?? []) {
    if (/^\.holdfast-[0-9a-f]+\.new$/.test(name)) await rm(join(directory, name), { force: true })
  }
}

/** Makes the names in a directory durable. */
export async function syncDirectory(path: string): Promise<void> {
  const directory = await open(path, 'r')
  try {
    await directory.sync()
  } finally {
    await directory.close()
  }
}

/** What a call gives, or `undefined` where there is no such file. What may not be seen may well be there. */
export async function ifThere<T>(work: Promise<T>): Promise<T | undefined> {
  try {
    return await work
  } catch (error) {
    if (!['ENOENT', 'ENOTDIR'].includes(codeOf(error) ?? '')) throw error
    return undefined
  }
}

/** The operating system's name of an error, if it is one of its. */
export function codeOf(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string'
    ? error.code
    : undefined
}

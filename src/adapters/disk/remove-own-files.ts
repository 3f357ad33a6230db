import type { Dirent } from 'node:fs'
import { lstat, readdir, rmdir, unlink } from 'node:fs/promises'
import { join } from 'node:path'
import { lockFile, type OwnFiles } from '../../ports/own-files.ts'
import { errorCode } from './disk-failure.ts'

/** What was removed, and what was not. */
export interface RemovedFiles {
  readonly files: number
  readonly bytes: number
  /** Paths of what is not ours. Of a folder that is not the folder alone. */
  readonly left: readonly string[]
  /** Those of `left` that are links. */
  readonly links: readonly string[]
}

/**
 * Removes what is ours from a directory, then the directory where nothing else is in it and nothing is mounted on it. Links in it
 * are never followed, and stay; the directory itself may be named by one, which stays as well. The lock goes last: until then it tells that
 * the directory is ours.
 */
export async function removeOwnFiles(dir: string, own: OwnFiles): Promise<RemovedFiles> {
  const entries = await readdir(dir, { withFileTypes: true })
  const left: string[] = []
  const links = entries.filter(entry => entry.isSymbolicLink()).map(({ name }) => join(dir, name))
  let files = 0
  let bytes = 0
  const ours: Dirent[] = []
  for (const entry of entries) {
    const path = join(dir, entry.name)
    const folder = entry.isDirectory() ? own.folder?.(entry.name) : undefined
    if (folder !== undefined) {
      const removed = await removeOwnFiles(path, folder)
      files += removed.files
      bytes += removed.bytes
      left.push(...removed.left)
      links.push(...removed.links)
    } else if ((entry.isFile() || entry.isSocket()) && own.isFile(entry.name)) ours.push(entry)
    else left.push(path)
  }
  for (const { name } of ours.sort(
    (a, b) => Number(a.name === lockFile) - Number(b.name === lockFile),
  )) {
    const path = join(dir, name)
    bytes += (await lstat(path)).size
    await unlink(path)
    files += 1
  }
  if (left.length === 0) await removeDirectory(dir)
  return { files, bytes, left, links }
}

/** It may be mounted, or a link, or in a directory of somebody else's; or a file came meanwhile. */
async function removeDirectory(dir: string): Promise<void> {
  try {
    await rmdir(dir)
  } catch (error) {
    const code = errorCode(error) ?? ''
    if (!['EBUSY', 'ENOTDIR', 'ENOTEMPTY', 'EACCES', 'EPERM', 'EROFS'].includes(code)) throw error
  }
}

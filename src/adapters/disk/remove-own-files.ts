import type { Dirent } from 'node:fs'
import { lstat, readdir, rmdir, unlink } from 'node:fs/promises'
import { join } from 'node:path'
import { lockFile, type OwnFiles } from '../../ports/own-files.ts'

/** What was removed, and what was not. */
export interface RemovedFiles {
  readonly files: number
  readonly bytes: number
  /** Paths of what is not ours. Of a folder that is not the folder alone. */
  readonly left: readonly string[]
}

/**
 * Removes what is ours from a directory, then the directory where nothing else is in it and nothing is mounted on it. Links are never
 * followed, and stay. The lock goes last: until then it tells that the directory is ours.
 */
export async function removeOwnFiles(dir: string, own: OwnFiles): Promise<RemovedFiles> {
  const entries = await readdir(dir, { withFileTypes: true })
  const left: string[] = []
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
  return { files, bytes, left }
}

/** It may be mounted, or a link, or in a directory of somebody else's; or a file came meanwhile. */
async function removeDirectory(dir: string): Promise<void> {
  try {
    await rmdir(dir)
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : ''
    if (!['EBUSY', 'ENOTDIR', 'ENOTEMPTY', 'EACCES', 'EPERM', 'EROFS'].includes(code)) throw error
  }
}

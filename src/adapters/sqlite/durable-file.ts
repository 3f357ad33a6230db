import { closeSync, fsyncSync, openSync, renameSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'

/** Makes a file's bytes durable. */
export function syncFile(path: string): void {
  const fd = openSync(path, 'r')
  try {
    fsyncSync(fd)
  } finally {
    closeSync(fd)
  }
}

/** Makes the names in a directory durable: without it a rename may be undone by a power cut. */
export function syncDirectoryOf(path: string): void {
  syncFile(dirname(path))
}

/** Writes a small file so that after any crash it is there whole or not at all. */
export function writeFileAtomically(path: string, bytes: Uint8Array, mode: number): void {
  const temporary = `${path}.new`
  const fd = openSync(temporary, 'w', mode)
  try {
    writeFileSync(fd, bytes)
    fsyncSync(fd)
  } finally {
    closeSync(fd)
  }
  renameSync(temporary, path)
  syncDirectoryOf(path)
}

/** A path's name with why and when it was moved aside, fit to sort. */
export function asideName(path: string, nowMs: number, why = 'damaged'): string {
  const time = new Date(nowMs).toISOString().replaceAll(/[-:]/g, '').replace('.', '')
  return `${path}.${why}-${time}`
}

/** Whether an error says that there is no such file. */
export function isMissing(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ENOENT'
}

import { readFile, stat } from 'node:fs/promises'
import type { ChangingFile, FileVersion } from '../../ports/changing-file.ts'

/** Watches by asking: one `stat` a read. Symbolic links are followed, so a swapped Kubernetes volume is seen. */
export function createChangingFile(path: string): ChangingFile {
  let identity = ''
  let held: FileVersion | undefined
  let version = 0

  async function read(): Promise<FileVersion | undefined> {
    try {
      // Taken before the text: a change in between is seen at the next read.
      const { ino, size, mtimeMs, ctimeMs } = await stat(path)
      const seen = `${ino} ${size} ${mtimeMs} ${ctimeMs}`
      if (held !== undefined && seen === identity) return held
      const text = await readFile(path, 'utf8')
      version += 1
      identity = seen
      held = { text, version }
    } catch (error) {
      if (!isAbsence(error)) throw error
      held = undefined
    }
    return held
  }

  return { path, read }
}

function isAbsence(error: unknown): boolean {
  const code = (error as NodeJS.ErrnoException).code
  return code === 'ENOENT' || code === 'ENOTDIR'
}

import { readFile, stat } from 'node:fs/promises'

/** A file's text, and a number that grows each time the text was read anew. */
export interface FileVersion {
  readonly text: string
  readonly version: number
}

/** A file that may change, appear or go while we run. */
export interface ChangingFile {
  readonly path: string
  /** The present text, from memory while the file is the same; `undefined` when there is none. @throws the system's error when it may not be read */
  read(): Promise<FileVersion | undefined>
}

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

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

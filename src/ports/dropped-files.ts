/** A file in the drop folder or in a folder below it. */
export interface DroppedFile {
  /** Within the folder, components joined by `/`. */
  readonly path: string
  /** Bytes. */
  readonly size: number
  /** As the file system has it, whole ms. */
  readonly mtimeMs: number
  /** When its bytes, name or mode last changed, whatever was done to its time; whole ms. */
  readonly ctimeMs: number
}

/** What is told of a file that was not imported. */
export interface DropFault {
  readonly file: string
  /** ISO 8601. */
  readonly at: string
  readonly code: string
  readonly reason: string
}

/** The folder into which archives are put by hand. */
export interface DroppedFiles {
  /** The regular files that are there now; none while the folder is not there. */
  list(): Promise<readonly DroppedFile[]>
  /** Those of them that somebody still has open for writing, as far as can be seen; told to people when it is so. Never rejects. */
  beingWritten(paths: readonly string[]): Promise<ReadonlySet<string>>
  /** Its bytes, in pieces. */
  open(path: string): AsyncIterable<Uint8Array>
  /** Writes `NAME.error.json` beside a file, or removes it: nothing is wrong any more. Never rejects. */
  tell(path: string, fault: DropFault | undefined): Promise<void>
  /** Calls back when something happened in the folder; not everything is noticed. */
  onChange(listener: () => void): () => void
  close(): Promise<void>
}

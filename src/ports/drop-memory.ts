/** A file of the drop folder that was dealt with. */
export interface SeenFile {
  /** Within the folder. */
  readonly path: string
  /** Bytes. */
  readonly size: number
  /** As the file system has it, whole ms. */
  readonly mtimeMs: number
  /** When its bytes, name or mode last changed, whatever was done to its time; whole ms. */
  readonly ctimeMs: number
  /** sha256 of its bytes, hex; absent when it was not read to the end. */
  readonly hash: string | undefined
  readonly outcome: 'imported' | 'refused'
}

/** Which files of the drop folder were dealt with, across restarts. */
export interface DropMemory {
  load(): readonly SeenFile[]
  /** Settles when it outlives the process. */
  remember(file: SeenFile): Promise<void>
  forget(path: string): Promise<void>
}

import type { DropMemory, SeenFile } from '../../src/ports/drop-memory.ts'
import type { DropFault, DroppedFile, DroppedFiles } from '../../src/ports/dropped-files.ts'

type Times = Pick<DroppedFile, 'mtimeMs' | 'ctimeMs'>

/** A drop folder in memory. */
export interface MemoryDrop extends DroppedFiles {
  /** Puts a file there, or changes it. Its ctime is later than all before, whatever its mtime. */
  put(path: string, bytes: Buffer | string, mtimeMs: number): void
  move(from: string, to: string): void
  /** Files that somebody has open for writing. */
  readonly written: Set<string>
  remove(path: string): void
  /** What is told of each file. */
  readonly faults: ReadonlyMap<string, DropFault>
  /** Paths that were opened, in order. */
  readonly opened: readonly string[]
  /** Files that are open now. */
  openFiles(): number
}

export function createMemoryDrop(): MemoryDrop {
  const files = new Map<string, Times & { readonly bytes: Buffer }>()
  let changes = 0
  const faults = new Map<string, DropFault>()
  const listeners = new Set<() => void>()
  const opened: string[] = []
  let openFiles = 0
  const written = new Set<string>()
  return {
    faults,
    written,
    beingWritten: async paths => new Set(paths.filter(path => written.has(path))),
    opened,
    openFiles: () => openFiles,
    put(path, bytes, mtimeMs) {
      files.set(path, { bytes: Buffer.from(bytes), mtimeMs, ctimeMs: ++changes })
    },
    move(from, to) {
      const file = files.get(from)
      if (file !== undefined) files.set(to, { ...file, ctimeMs: ++changes })
      files.delete(from)
    },
    remove: path => void files.delete(path),
    list: async () =>
      [...files].map(([path, { bytes, ...times }]) => ({ path, size: bytes.length, ...times })),
    async *open(path) {
      opened.push(path)
      const file = files.get(path)
      if (file === undefined) throw new Error(`there is no ${path}`)
      openFiles += 1
      try {
        for (let at = 0; at < file.bytes.length; at += 10_000) {
          yield file.bytes.subarray(at, at + 10_000)
        }
      } finally {
        openFiles -= 1
      }
    },
    async tell(path, fault) {
      if (fault === undefined) faults.delete(path)
      else faults.set(path, fault)
    },
    onChange(listener) {
      listeners.add(listener)
      return () => void listeners.delete(listener)
    },
    close: async () => {},
  }
}

/** What was dealt with, in memory: give it to the next one, and that was a restart. */
export function createMemoryDropMemory(): DropMemory {
  const seen = new Map<string, SeenFile>()
  return {
    load: () => [...seen.values()],
    remember: async file => void seen.set(file.path, file),
    forget: async path => void seen.delete(path),
  }
}

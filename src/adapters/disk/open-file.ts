import { constants, fdatasync, ftruncate, read, type Stats, writev } from 'node:fs'
import { open } from 'node:fs/promises'

/**
 * A file by its descriptor. Reads and writes cost one trip to the thread pool and make no garbage worth naming; the caller's
 * buffers are used as they are.
 */
export interface OpenFile {
  /** Bytes it had when it was opened. */
  readonly openedSize: number
  /** What {@link stateOf} said of it when it was opened. */
  readonly state: string
  /** Fills `into` from `position`; returns the bytes read, 0 at the end. */
  read(into: Uint8Array, position: number): Promise<number>
  /** Writes all of it. */
  write(chunks: readonly Uint8Array[], position: number): Promise<void>
  truncate(size: number): Promise<void>
  /** Settles when the bytes and what is needed to find them are durable. */
  sync(): Promise<void>
  /** Closes once everything that runs has ended: a descriptor that is closed earlier may already be another file's. */
  close(): Promise<void>
}

const flags = {
  // A link in the place of a blob leads to what nobody verified.
  read: constants.O_RDONLY | constants.O_NOFOLLOW,
  // Not O_APPEND: Linux then ignores the position of a write.
  grow: constants.O_RDWR | constants.O_CREAT,
  create: constants.O_RDWR | constants.O_CREAT | constants.O_EXCL,
}

/**
 * Opens a file to `read` it (no link), to `grow` it (made when it is absent), or to `create` it (refused when it exists); rejects as
 * `fs.open` does.
 */
export async function openFile(path: string, purpose: keyof typeof flags): Promise<OpenFile> {
  // The handle closes itself when it is lost; its own read and write make several objects a call.
  const handle = await open(path, flags[purpose])
  const { fd } = handle
  let opened: Stats
  try {
    opened = await handle.stat()
  } catch (error) {
    await handle.close()
    throw error
  }
  let running = 0
  let closing: PromiseWithResolvers<void> | undefined

  function run<T>(
    start: (settle: (error: Error | null, value?: T) => void) => void,
  ): Promise<T | undefined> {
    if (closing !== undefined) return Promise.reject(new Error(`${path} is closed`))
    running += 1
    return new Promise<T | undefined>((resolve, reject) => {
      start((error, value) => {
        running -= 1
        if (running === 0) closing?.resolve()
        if (error) reject(error)
        else resolve(value)
      })
    })
  }

  return {
    openedSize: opened.size,
    state: stateOf(opened),
    read: async (into, position) =>
      (await run<number>(settle => read(fd, into, 0, into.length, position, settle))) ?? 0,
    async write(chunks, position) {
      let left: readonly Uint8Array[] = chunks
      let at = position
      while (left.length > 0) {
        const some = left.slice(0, maxVectors)
        const written = (await run<number>(settle => writev(fd, some, at, settle))) ?? 0
        at += written
        left = after(left, written)
      }
    },
    truncate: async size => void (await run<void>(settle => ftruncate(fd, size, settle))),
    sync: async () => void (await run<void>(settle => fdatasync(fd, settle))),
    async close() {
      if (closing !== undefined) return closing.promise
      closing = Promise.withResolvers()
      if (running === 0) closing.resolve()
      await closing.promise
      await handle.close()
    },
  }
}

/** Changes whenever the file does: the kernel sets the time of change, and nobody can set it back. */
export function stateOf({ ino, size, ctimeMs }: Stats): string {
  return `${ino} ${size} ${ctimeMs}`
}

/** Linux takes at most 1024 buffers a call. */
const maxVectors = 1024

/** What is left of `chunks` after their first `bytes`. */
function after(chunks: readonly Uint8Array[], bytes: number): readonly Uint8Array[] {
  let skip = bytes
  let first = 0
  while (first < chunks.length && skip >= (chunks[first]?.length ?? 0)) {
    skip -= chunks[first]?.length ?? 0
    first += 1
  }
  const [cut, ...rest] = chunks.slice(first)
  return cut === undefined ? [] : [cut.subarray(skip), ...rest]
}

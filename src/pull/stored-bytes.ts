import type { BlobWriter } from '../ports/content-store.ts'
import { HoldfastError } from '../ports/errors.ts'
import { createByteRing } from './byte-ring.ts'
import type { ReceivedBytes } from './received-bytes.ts'

/** Bytes on their way into the store, and what of them has not got there when it fails. */
export interface StoredBytes extends ReceivedBytes {
  /** After a rejected `append` or `flush`: what the writer did not take, in order. */
  unwritten(): Promise<readonly Uint8Array[]>
}

/** Bytes that may wait for the disk before the source has to. */
const maxWaitingBytes = 1024 * 1024
/** The newest bytes stay in memory for this long a stretch: readers who keep up need no disk. */
const recentBytes = 1024 * 1024

/**
 * Stores while the source sends: bytes queue up for the disk in bounded number, and count as received at once. They are copied into one
 * buffer: a chunk that waits for the disk or a reader lives through two collections of V8's young generation, and then only one of all
 * generations frees it, which a few megabytes of such chunks bring about.
 *
 * @param size of the whole blob in bytes, when known
 */
export function createStoredBytes(writer: BlobWriter, size?: number): StoredBytes {
  const missing = Math.max((size ?? Number.POSITIVE_INFINITY) - writer.offset, 1)
  const recent = createByteRing(writer.offset, Math.min(missing, recentBytes + maxWaitingBytes))
  /** What had no room yet of the chunk that is being taken, or was when it failed. */
  let left: Uint8Array = new Uint8Array()
  /** What `commit` came to, where it had to stand in for `verify`. */
  let committed: boolean | undefined
  let waitingBytes = 0
  let failure: unknown
  let lastWrite = Promise.resolve()

  function write(chunk: Uint8Array): Promise<void> {
    waitingBytes += chunk.byteLength
    return writer
      .write(chunk)
      .catch(error => {
        failure ??= error
      })
      .finally(() => {
        waitingBytes -= chunk.byteLength
      })
  }

  /** Takes as much as there is room for, and waits while too much waits for the disk. Returns the rest. */
  async function take(bytes: Uint8Array): Promise<Uint8Array> {
    const piece = recent.push(bytes)
    left = bytes.subarray(piece.byteLength)
    const isFull = piece.byteLength === 0
    if (!isFull) lastWrite = write(piece)
    if (isFull || waitingBytes > maxWaitingBytes) await lastWrite
    if (failure !== undefined) throw failure
    // Where nothing else makes room, also what a reader may want soon.
    recent.trim(Math.min(writer.offset, recent.end - (isFull ? 0 : recentBytes)))
    return left
  }

  async function flush(): Promise<void> {
    await lastWrite
    if (failure !== undefined) throw failure
  }

  async function commit(): Promise<boolean> {
    try {
      await writer.commit()
      return true
    } catch (error) {
      if (error instanceof HoldfastError && error.code === 'wrong-digest') return false
      throw error
    }
  }

  return {
    get offset() {
      return recent.end
    },
    canRead: () => true,
    async append(chunk) {
      for (let rest = chunk; rest.byteLength > 0; ) rest = await take(rest)
    },
    async read(into, position) {
      if (position >= recent.base) return recent.read(into, position)
      // The disk may have more than what the window begins with, but the window never begins beyond what the disk has.
      return writer.read(into, position)
    },
    flush,
    async unwritten() {
      await lastWrite
      return [...recent.from(writer.offset), left].filter(piece => piece.byteLength > 0)
    },
    async verify() {
      await flush()
      if (writer.verify !== undefined) return writer.verify()
      committed = await commit()
      return committed
    },
    async keep() {
      if (committed === undefined) await writer.commit()
    },
    async suspend() {
      await lastWrite
      await writer.suspend()
    },
    async discard() {
      await lastWrite
      if (committed === undefined) await writer.discard()
    },
    release: () => writer.release(),
  }
}

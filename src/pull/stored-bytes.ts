import type { BlobWriter } from '../ports/content-store.ts'
import { HoldfastError } from '../ports/errors.ts'
import { createByteWindow } from './byte-window.ts'
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

/** Stores while the source sends: chunks queue up for the disk in bounded number, and count as received at once. */
export function createStoredBytes(writer: BlobWriter): StoredBytes {
  const recent = createByteWindow(writer.offset)
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
      recent.push(chunk)
      lastWrite = write(chunk)
      if (waitingBytes > maxWaitingBytes) await lastWrite
      if (failure !== undefined) throw failure
      recent.trim(Math.min(writer.offset, recent.end - recentBytes))
    },
    async read(into, position) {
      if (position >= recent.base) return recent.read(into, position)
      // The disk may have more than what the window begins with, but the window never begins beyond what the disk has.
      return writer.read(into, position)
    },
    flush,
    async unwritten() {
      await lastWrite
      return recent.from(writer.offset)
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

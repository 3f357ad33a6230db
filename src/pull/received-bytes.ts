import type { BlobWriter } from '../ports/content-store.ts'
import { HoldfastError } from '../ports/errors.ts'

/** What a download has received of a blob, readable while it grows. Exactly one of `keep`, `suspend`, `discard` ends it. */
export interface ReceivedBytes {
  /** Bytes from the start that are here or have passed. */
  readonly offset: number
  /** Whether bytes from `position` on can still be read, or will be once they come. */
  canRead(position: number): boolean
  append(chunk: Uint8Array): Promise<void>
  read(into: Uint8Array, position: number): Promise<number>
  /** Whether the whole hashes to the digest. */
  verify(): Promise<boolean>
  /** After `verify`: makes it the store's, where it can be. */
  keep(): Promise<void>
  /** Keeps the bytes for a later download. */
  suspend(): Promise<void>
  discard(): Promise<void>
  /** After one of the endings: nobody reads any more. */
  release(): Promise<void>
}

/** Bytes on their way into the store. */
export function createStoredBytes(writer: BlobWriter): ReceivedBytes {
  /** What `commit` came to, where it had to stand in for `verify`. */
  let committed: boolean | undefined

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
      return writer.offset
    },
    canRead: () => true,
    append: chunk => writer.write(chunk),
    read: (into, position) => writer.read(into, position),
    async verify() {
      if (writer.verify !== undefined) return writer.verify()
      committed = await commit()
      return committed
    },
    async keep() {
      if (committed === undefined) await writer.commit()
    },
    suspend: () => writer.suspend(),
    async discard() {
      if (committed === undefined) await writer.discard()
    },
    release: () => writer.release(),
  }
}

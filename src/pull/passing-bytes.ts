import { createHash } from 'node:crypto'
import { type Digest, digestAlgorithm, digestHex } from '../oci/digest.ts'
import type { BlobWriter } from '../ports/content-store.ts'
import { createByteWindow } from './byte-window.ts'
import type { ReceivedBytes } from './received-bytes.ts'

/** Those who read bytes that are kept nowhere: what all of them have read may go. */
export interface Consumers {
  /** The lowest position any of them still needs; `Infinity` when none needs any. */
  lowest(): number
  /** Settles when that may have risen; cuts off who holds the others up for too long. */
  moved(): Promise<void>
}

/** Bytes that stay in memory for readers who are behind. */
const windowBytes = 4 * 1024 * 1024
const rereadBytes = 256 * 1024

/**
 * Bytes that pass through, for lack of room in the store: hashed here, and kept in memory only until all readers had them, which slows
 * the download down to the slowest reader. What was stored before the room ran out stays readable from `prefix`.
 */
export async function createPassingBytes(
  digest: Digest,
  prefix: BlobWriter | undefined,
  consumers: Consumers,
): Promise<ReceivedBytes> {
  const hash = createHash(digestAlgorithm(digest))
  const stored = prefix?.offset ?? 0
  const window = createByteWindow(stored)
  await hashPrefix()

  async function hashPrefix(): Promise<void> {
    if (prefix === undefined) return
    const into = new Uint8Array(rereadBytes)
    for (let at = 0; at < stored; ) {
      const count = await prefix.read(into, at)
      if (count === 0) throw new Error(`${digest}: ${stored} bytes were written, ${at} can be read`)
      hash.update(into.subarray(0, Math.min(count, stored - at)))
      at += count
    }
  }

  return {
    get offset() {
      return window.end
    },
    // What was stored leads nowhere once what came after it has gone.
    canRead: position => position >= window.base || (position < stored && window.base === stored),
    async append(chunk) {
      hash.update(chunk)
      window.push(chunk)
      for (;;) {
        window.trim(Math.min(consumers.lowest(), window.end))
        if (window.end - window.base <= windowBytes) return
        await consumers.moved()
      }
    },
    async read(into, position) {
      if (prefix === undefined || position >= stored) return window.read(into, position)
      return prefix.read(into.subarray(0, stored - position), position)
    },
    flush: () => Promise.resolve(),
    async verify() {
      return hash.copy().digest('hex') === digestHex(digest)
    },
    keep: async () => prefix?.discard(),
    suspend: async () => prefix?.suspend(),
    discard: async () => prefix?.discard(),
    release: async () => prefix?.release(),
  }
}

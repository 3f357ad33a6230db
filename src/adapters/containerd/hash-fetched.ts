import { createHash } from 'node:crypto'
import type { DigestAlgorithm } from '../../oci/digest.ts'
import type { OpenBlob } from './blob-access.ts'

/** A hash that is made off the main thread, of bytes that are handed over; see `Hasher` of the disk store. */
export interface HandedHash {
  /** Settles with the bytes once they are hashed; until then their whole buffer is away. */
  update(bytes: Uint8Array<ArrayBuffer>): Promise<Uint8Array<ArrayBuffer>>
  /** In hex. */
  finish(): Promise<string>
  stop(): void
}

export type BeginHash = (algorithm: DigestAlgorithm) => HandedHash

/** Up to this size a blob is hashed here, which takes less than asking another thread. */
const inlineBytes = 1024 * 1024
/** What is fetched and hashed at once; two of these are held. */
const pieceBytes = 4 * 1024 * 1024

/**
 * The hash in hex of a blob's bytes, or of as many as there are: one piece is hashed elsewhere while the next one is fetched. Rejects as `fetch`
 * and the hash do.
 */
export async function hashFetched(
  { algorithm, size }: { readonly algorithm: DigestAlgorithm; readonly size: number },
  fetch: OpenBlob['read'],
  beginHash: BeginHash,
): Promise<string> {
  let free = new Uint8Array(Math.min(size, pieceBytes))
  if (size <= inlineBytes) {
    const got = await fetch(free, 0)
    return createHash(algorithm).update(free.subarray(0, got)).digest('hex')
  }
  const hash = beginHash(algorithm)
  let away = Promise.resolve(new Uint8Array(pieceBytes))
  try {
    for (let position = 0; position < size; ) {
      const got = await fetch(free.subarray(0, size - position), position)
      if (got === 0) break
      const back = await away
      away = hash.update(free.subarray(0, got)).then(({ buffer }) => new Uint8Array(buffer))
      away.catch(() => {}) // told below
      free = back
      position += got
    }
    await away
    return await hash.finish()
  } catch (error) {
    hash.stop()
    throw error
  }
}

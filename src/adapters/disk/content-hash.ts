import { createHash } from 'node:crypto'
import { type Digest, digestAlgorithm, digestHex } from '../../oci/digest.ts'
import type { Log } from '../../ports/log.ts'
import type { Hasher, RunningHash } from './hasher.ts'
import type { OpenFile } from './open-file.ts'

/** Up to this size a file is hashed at its end on the main thread: a few hundred microseconds, less than asking the worker. */
export const inlineBytes: number = 1024 * 1024

/** Finds out whether a file that is being written hashes to its digest. */
export interface ContentHash {
  /** The first `size` bytes are in the file. */
  advance(size: number): void
  /** Whether the file's first `size` bytes hash to the digest. Rejects when they cannot be read. */
  matches(size: number): Promise<boolean>
  /** Ends without an answer; does nothing after `matches`. */
  stop(): void
}

/**
 * Hashes beside the writing: a file that is or grows large is followed by the worker, what an earlier download left of it included.
 *
 * @param expected the blob's size in bytes, when it is known
 */
export function createContentHash(
  parts: { readonly hasher: Hasher; readonly log: Log },
  file: OpenFile,
  path: string,
  digest: Digest,
  expected: number | undefined,
): ContentHash {
  let running: RunningHash | undefined
  let ended = false

  function follow(size: number): RunningHash | undefined {
    if (running === undefined && !ended && size > inlineBytes) {
      running = parts.hasher.follow(path, digestAlgorithm(digest))
    }
    return running
  }

  async function byWorker(size: number): Promise<string | undefined> {
    const hash = follow(size)
    if (hash === undefined) return undefined
    try {
      return await hash.finish(size)
    } catch (err) {
      parts.log.warn({ digest, err }, 'the hash worker failed; hashing on the main thread')
      return undefined
    }
  }

  follow(expected ?? 0)
  return {
    advance: size => follow(size)?.advance(size),
    async matches(size) {
      const byOther = byWorker(size)
      ended = true
      return ((await byOther) ?? (await hashFile(file, digest, size))) === digestHex(digest)
    },
    stop() {
      if (!ended) running?.stop()
      ended = true
    },
  }
}

/** The hash in hex of a file's first `size` bytes, made on the main thread in pieces. */
export async function hashFile(file: OpenFile, digest: Digest, size: number): Promise<string> {
  const hash = createHash(digestAlgorithm(digest))
  const buffer = Buffer.allocUnsafe(Math.min(size, 256 * 1024))
  let done = 0
  while (done < size) {
    const got = await file.read(buffer.subarray(0, size - done), done)
    if (got === 0) break
    hash.update(buffer.subarray(0, got))
    done += got
  }
  return hash.digest('hex')
}

import { createHash } from 'node:crypto'
import { type Digest, type DigestAlgorithm, digestAlgorithm, digestHex } from '../../oci/digest.ts'
import type { Log, LogFields } from '../../ports/log.ts'
import type { FileHasher, RunningHash } from './hasher.ts'
import type { OpenFile } from './open-file.ts'

/** Up to this size a file is hashed at its end on the main thread: a few hundred microseconds, less than asking the worker. */
export const inlineBytes: number = 1024 * 1024

/** Hashes a file that is being written. */
export interface FileHash {
  /** The first `size` bytes are in the file. */
  advance(size: number): void
  /** The hash in hex of the file's first `size` bytes. Rejects when they cannot be read. */
  hex(size: number): Promise<string>
  /** Ends without an answer; does nothing after `hex`. */
  stop(): void
}

/** Finds out whether a file that is being written hashes to its digest. */
export interface ContentHash extends Omit<FileHash, 'hex'> {
  /** Whether the file's first `size` bytes hash to the digest. Rejects when they cannot be read. */
  matches(size: number): Promise<boolean>
}

interface HashParts {
  readonly hasher: FileHasher
  readonly log: Log
}

/**
 * Hashes beside the writing: a file that is or grows large is followed by the worker, what an earlier download left of it included.
 *
 * @param expected the blob's size in bytes, when it is known
 */
export function createContentHash(
  parts: HashParts,
  file: OpenFile,
  path: string,
  digest: Digest,
  expected: number | undefined,
): ContentHash {
  const of = { algorithm: digestAlgorithm(digest), expected, told: { digest } }
  const { advance, hex, stop } = createFileHash(parts, file, path, of)
  return {
    advance,
    stop,
    matches: async size => (await hex(size)) === digestHex(digest),
  }
}

/**
 * The same for a file whose digest is to be found out.
 *
 * @param of.told what the log is told of the file
 */
export function createFileHash(
  parts: HashParts,
  file: OpenFile,
  path: string,
  of: {
    readonly algorithm: DigestAlgorithm
    readonly expected?: number | undefined
    readonly told?: LogFields
  },
): FileHash {
  const { algorithm, expected = 0, told } = of
  let running: RunningHash | undefined
  let ended = false

  function follow(size: number): RunningHash | undefined {
    if (running === undefined && !ended && size > inlineBytes) {
      running = parts.hasher.follow(path, algorithm)
    }
    return running
  }

  async function byWorker(size: number): Promise<string | undefined> {
    const hash = follow(size)
    if (hash === undefined) return undefined
    try {
      return await hash.finish(size)
    } catch (err) {
      parts.log.warn({ ...told, err }, 'the hash worker failed; hashing on the main thread')
      return undefined
    }
  }

  follow(expected)
  return {
    advance: size => follow(size)?.advance(size),
    async hex(size) {
      const byOther = byWorker(size)
      ended = true
      return (await byOther) ?? (await hashFile(file, algorithm, size))
    },
    stop() {
      if (!ended) running?.stop()
      ended = true
    },
  }
}

/** The hash in hex of a file's first `size` bytes, made on the main thread in pieces. */
export async function hashFile(
  file: OpenFile,
  algorithm: DigestAlgorithm,
  size: number,
): Promise<string> {
  const hash = createHash(algorithm)
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

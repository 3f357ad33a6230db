import { LRUCache } from 'lru-cache'
import type { Digest } from '../../oci/digest.ts'
import type { BlobReader } from '../../ports/content-store.ts'
import {
  type PeerChunkHashes,
  type PeerChunkQuestion,
  PeerFailure,
  peerChunkBytes,
} from '../../ports/peer-port.ts'
import { createSlots } from './slots.ts'

/** Tells hashes of chunks. */
export interface ChunkHashes {
  /**
   * Hashes of the chunks asked for, of the blob that `open` gives (closed again); `undefined` when it gives none. Rejects with
   * `PeerFailure` `absent` when the blob has no such chunk, `busy` when too many wait.
   */
  tell(
    question: PeerChunkQuestion,
    open: () => Promise<BlobReader | undefined>,
    signal: AbortSignal,
  ): Promise<PeerChunkHashes | undefined>
}

/** What is known of one blob. */
interface Known {
  readonly size: number
  readonly hashes: Buffer
  /** 1 for each chunk whose hash is there. */
  readonly has: Uint8Array
}

const hashBytes = 32
/** Most chunks that are told at once: what fits into an answer. */
const maxChunks = 32 * 1024

/**
 * Hashes chunks in threads of the runtime's own pool and remembers what it hashed, within `cacheBytes`. At most two blobs at a time:
 * who asks for this has a disagreement to settle, not a pull that waits.
 */
export function createChunkHashes({
  cacheBytes = 4 * 1024 * 1024,
}: {
  readonly cacheBytes?: number
} = {}): ChunkHashes {
  const cache = new LRUCache<Digest, Known>({
    maxSize: cacheBytes,
    sizeCalculation: ({ hashes, has }) => hashes.length + has.length + 200,
  })
  const slots = createSlots({ running: 2, waiting: 32 })

  function knownOf(digest: Digest, size: number): Known {
    const kept = cache.get(digest)
    if (kept?.size === size) return kept
    const chunks = Math.ceil(size / peerChunkBytes)
    const known = {
      size,
      hashes: Buffer.alloc(chunks * hashBytes),
      has: new Uint8Array(chunks),
    }
    cache.set(digest, known)
    return known
  }

  async function fill(known: Known, blob: BlobReader, span: Span, signal: AbortSignal) {
    const buffer = Buffer.allocUnsafeSlow(Math.min(peerChunkBytes, known.size))
    for (let chunk = span.first; chunk <= span.last; chunk += 1) {
      if (known.has[chunk] === 1) continue
      signal.throwIfAborted()
      const at = chunk * peerChunkBytes
      const bytes = buffer.subarray(0, Math.min(peerChunkBytes, known.size - at))
      await readWhole(blob, bytes, at)
      known.hashes.set(
        new Uint8Array(await crypto.subtle.digest('SHA-256', bytes)),
        chunk * hashBytes,
      )
      known.has[chunk] = 1
    }
  }

  async function hash(question: PeerChunkQuestion, blob: BlobReader, signal: AbortSignal) {
    const span = spanOf(question, blob.size)
    const known = knownOf(question.digest, blob.size)
    await fill(known, blob, span, signal)
    const from = span.first * hashBytes
    const hashes = Buffer.from(known.hashes.subarray(from, (span.last + 1) * hashBytes))
    return { size: blob.size, first: span.first, hashes }
  }

  return {
    tell: (question, open, signal) =>
      slots.run(signal, async () => {
        const blob = await open()
        if (blob === undefined) return undefined
        try {
          return await hash(question, blob, signal)
        } finally {
          await blob.close()
        }
      }),
  }
}

interface Span {
  readonly first: number
  readonly last: number
}

function spanOf({ digest, first = 0, last }: PeerChunkQuestion, size: number): Span {
  const end = Math.ceil(size / peerChunkBytes) - 1
  const span = { first, last: Math.min(last ?? end, end) }
  // An empty blob has no chunks, which is no fault.
  if (size === 0 && first === 0) return span
  if (span.first > span.last) throw new PeerFailure('absent', `${digest} has ${end + 1} chunks`)
  if (span.last - span.first >= maxChunks) {
    throw new PeerFailure('absent', `at most ${maxChunks} chunks of ${digest} are told at once`)
  }
  return span
}

async function readWhole(blob: BlobReader, into: Uint8Array, position: number): Promise<void> {
  for (let done = 0; done < into.length; ) {
    const got = await blob.read(into.subarray(done), position + done)
    if (got === 0) throw new Error(`the blob ended at byte ${position + done}`)
    done += got
  }
}

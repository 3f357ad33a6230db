import type { Digest } from '../oci/digest.ts'
import type { Repository } from '../oci/reference.ts'
import type { BlobSource } from '../ports/blob-source.ts'
import type { NodeId } from '../ports/node-id.ts'
import { type PeerClient, PeerFailure, type PeerPriority } from '../ports/peer-port.ts'
import type { BlobAnswer } from '../ports/upstream.ts'
import { createChunkNotes } from './chunk-notes.ts'
import { asSourceFailure } from './peer-failure.ts'
import { type PeerSourceParts, watchHurry } from './peer-source.ts'
import { fetchInPieces, type Piece, type PieceWorker } from './piece-window.ts'

interface Parts extends PeerSourceParts {
  readonly client: Pick<PeerClient, 'openBlob' | 'getChunkHashes'>
  /** Told whether several at once were faster than the best one alone. */
  readonly judged: (isFaster: boolean) => void
}

interface Ask {
  /** Of the whole blob, bytes. */
  readonly size: number
  readonly priority: () => PeerPriority
  readonly firstByteMs: number
  readonly signal: AbortSignal
}

interface Wanted {
  readonly digest: Digest
  readonly repository: Repository
}

const pieceBytes = 4 * 1024 * 1024
const windowPieces = 8
/** So much is taken from the best one alone, and then from all at once, before one of the ways is kept. */
const trialBytes = 16 * 1024 * 1024
/** Several at once cost more: they have to be faster by this much to be worth it. */
const worthwhile = 1.15
/** The blob is fetched anew after that: so long it may take to find out by whom not, ms. */
const hashesMs = 3_000

/**
 * Several holders as one source: after a stretch from the best one alone and one from all of them at once it goes on in the way that was
 * faster. Each sender's bytes are remembered by their hashes: when the whole turns out wrong, whoever sent what is not in its own
 * list is told of.
 *
 * @param ids holders, best first; at least two
 */
export function createParallelSource(parts: Parts, ids: readonly NodeId[], ask: Ask): BlobSource {
  const { client, book, holders, clock } = parts
  const { size } = ask
  const notes = createChunkNotes(size)
  let asked: Repository | undefined

  /** One stretch from one node, as it comes. */
  async function* stretch(
    id: NodeId,
    { digest, repository }: Wanted,
    { start, end }: Piece,
    signal: AbortSignal,
  ): AsyncGenerator<Uint8Array> {
    const question = { digest, repository, offset: start, end: end - 1, relay: false }
    const options = { signal, firstByteMs: ask.firstByteMs }
    const { body } = await client.openBlob(id, { ...question, priority: ask.priority() }, options)
    const note = notes.from(id, start)
    let at = start
    for await (const chunk of body) {
      at += chunk.byteLength
      if (at > end) break
      note(chunk)
      yield chunk
    }
    if (at !== end) throw new PeerFailure('protocol', `${id} does not send what was asked for`)
  }

  function workerOf(id: NodeId, wanted: Wanted): PieceWorker {
    return {
      async fetch(piece, signal) {
        const sinceMs = clock.monotonicMs()
        const chunks: Uint8Array[] = []
        for await (const chunk of stretch(id, wanted, piece, signal)) chunks.push(chunk)
        book.sent(id, piece.end - piece.start, clock.monotonicMs() - sinceMs)
        return chunks
      },
      failed: error => noteFailure(id, wanted.digest, error),
    }
  }

  function noteFailure(id: NodeId, digest: Digest, error: unknown): void {
    if (error instanceof PeerFailure && error.code === 'absent') holders.lacks(id, digest)
    else book.failed(id)
  }

  async function* alone(
    wanted: Wanted,
    piece: Piece,
    signal: AbortSignal,
  ): AsyncGenerator<Uint8Array> {
    const [best] = ids
    if (best === undefined) return
    try {
      yield* stretch(best, wanted, piece, signal)
    } catch (error) {
      if (!signal.aborted) noteFailure(best, wanted.digest, error)
      throw error
    }
  }

  function together(wanted: Wanted, piece: Piece, signal: AbortSignal): AsyncGenerator<Uint8Array> {
    const workers = ids.map(id => workerOf(id, wanted))
    return fetchInPieces(piece, workers, { pieceBytes, windowPieces }, signal)
  }

  async function* body(
    wanted: Wanted,
    offset: number,
    signal: AbortSignal,
  ): AsyncGenerator<Uint8Array> {
    // Pieces begin where chunks do, so that their hashes can be compared.
    const afterOne = Math.min(nextPiece(offset + trialBytes), size)
    const afterBoth = Math.min(afterOne + trialBytes, size)
    const first = yield* timed(alone(wanted, { start: offset, end: afterOne }, signal))
    const trial = { start: afterOne, end: afterBoth }
    const second = yield* timed(together(wanted, trial, signal))
    const isFaster = (afterBoth - afterOne) / second > ((afterOne - offset) / first) * worthwhile
    if (afterBoth < size) parts.judged(isFaster)
    const rest = { start: afterBoth, end: size }
    if (afterBoth < size)
      yield* isFaster ? together(wanted, rest, signal) : alone(wanted, rest, signal)
  }

  /** Hands on, and returns how long that took, ms. */
  async function* timed(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array, number> {
    const sinceMs = clock.monotonicMs()
    yield* chunks
    return Math.max(clock.monotonicMs() - sinceMs, 1)
  }

  async function* translated(
    inner: AsyncIterable<Uint8Array>,
    signal: AbortSignal,
  ): AsyncGenerator<Uint8Array> {
    try {
      yield* inner
    } catch (error) {
      throw signal.aborted ? error : asSourceFailure(error)
    }
  }

  /** Who sent what its own list does not have is a liar; a list that fits its lie is found out when it sends the whole. */
  async function findLiars(digest: Digest, repository: Repository): Promise<void> {
    const options = { signal: ask.signal, timeoutMs: hashesMs }
    const look = async (id: NodeId) => {
      const list = await client.getChunkHashes(id, { digest, repository }, options)
      if (notes.contradicts(id, list)) holders.lied(id, digest)
    }
    await Promise.allSettled(ids.map(look))
  }

  return {
    name: 'several peers',
    kind: 'peer',
    isMany: true,
    reach: () =>
      ids.some(book.isThere)
        ? { state: 'reachable' }
        : { state: 'down', sinceMs: 0, failure: 'unreachable' },
    raceAfterMs: ask.firstByteMs,
    async open(digest, repository, offset, signal): Promise<BlobAnswer> {
      asked = repository
      const chunks = body({ digest, repository }, offset, signal)
      return {
        offset,
        size,
        body: translated(chunks, signal),
        isOutpaced: watchHurry(ask.priority),
      }
    },
    async lied(digest) {
      if (asked !== undefined) await findLiars(digest, asked)
    },
  }
}

function nextPiece(position: number): number {
  return Math.ceil(position / pieceBytes) * pieceBytes
}

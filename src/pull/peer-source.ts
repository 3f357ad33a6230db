import type { BlobSource } from '../ports/blob-source.ts'
import type { Clock } from '../ports/clock.ts'
import type { Holders } from '../ports/holders.ts'
import type { NodeId } from '../ports/node-id.ts'
import { type PeerClient, PeerFailure, type PeerPriority } from '../ports/peer-port.ts'
import type { Reach } from '../ports/upstream.ts'
import type { PeerBook } from './peer-book.ts'
import { asSourceFailure } from './peer-failure.ts'

/** What asking another node for a blob takes. */
export interface PeerSourceParts {
  readonly client: Pick<PeerClient, 'openBlob'>
  readonly holders: Pick<Holders, 'lacks' | 'lied'>
  readonly book: PeerBook
  readonly clock: Pick<Clock, 'monotonicMs'>
}

/** How another node is asked. */
export interface PeerAsk {
  /** Have it fetch the blob from upstream when it does not hold it. */
  readonly relay: boolean
  readonly priority: () => PeerPriority
  /** How long it is waited for when there is nobody to race it, ms. */
  readonly firstByteMs: number
  /** Of the blob, bytes, when it is known. */
  readonly size?: number | undefined
}

const gone: Reach = { state: 'down', sinceMs: 0, failure: 'unreachable' }
const there: Reach = { state: 'reachable' }

/** Another node as a source of blobs. What it fails with and how fast it is goes into the book, what it lacks to the index. */
export function createPeerSource(parts: PeerSourceParts, id: NodeId, ask: PeerAsk): BlobSource {
  const { client, holders, book, clock } = parts
  const { relay } = ask

  async function* measured(
    body: AsyncIterable<Uint8Array>,
    isCut: AbortSignal,
  ): AsyncGenerator<Uint8Array> {
    const sinceMs = clock.monotonicMs()
    let ownMs = 0
    let bytes = 0
    try {
      for await (const chunk of body) {
        bytes += chunk.byteLength
        const givenAtMs = clock.monotonicMs()
        yield chunk
        ownMs += clock.monotonicMs() - givenAtMs
      }
      // What we took to put it away is not its fault.
      book.sent(id, bytes, clock.monotonicMs() - sinceMs - ownMs)
    } catch (error) {
      throw fail(error, isCut)
    }
  }

  function fail(error: unknown, isCut: AbortSignal): unknown {
    if (isCut.aborted) return error
    const isAbsent = error instanceof PeerFailure && error.code === 'absent'
    if (!isAbsent) book.failed(id)
    return asSourceFailure(error)
  }

  return {
    name: relay ? `relay ${id}` : `peer ${id}`,
    kind: 'peer',
    isRelay: relay,
    reach: () => (book.isAlive(id) ? there : gone),
    raceAfterMs: relay ? relayRacedMs(ask.size) : book.raceAfterMs(id),
    async open(digest, repository, offset, signal) {
      const askedAtMs = clock.monotonicMs()
      const question = { digest, repository, offset, relay, priority: ask.priority() }
      try {
        const answer = await client.openBlob(id, question, { signal, firstByteMs: ask.firstByteMs })
        if (!relay) book.began(id, clock.monotonicMs() - askedAtMs)
        return { ...answer, body: measured(answer.body, signal) }
      } catch (error) {
        if (error instanceof PeerFailure && error.code === 'absent' && !relay) {
          holders.lacks(id, digest)
        }
        throw fail(error, signal)
      }
    },
    // What it relays is not its word but that of who it reads from.
    ...(!relay && { lied: async digest => holders.lied(id, digest) }),
  }
}

/** A node that fetches for everybody is waited for so long before this one fetches too, ms, and longest. */
const relayPatienceMs = 300
const longestPatienceMs = 2_000
/** Bytes that a fast registry sends in a millisecond. */
const fastBytesPerMs = 50_000

/**
 * It asks the registry first, which takes a second where a token and a redirect are in the way; two nodes that fetch a large blob take
 * each other's share of the uplink. The larger the blob, the less the waiting counts.
 */
function relayRacedMs(size: number | undefined): number {
  return Math.min(longestPatienceMs, relayPatienceMs + (size ?? 0) / fastBytesPerMs)
}

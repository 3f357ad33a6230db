import type { BlobSource } from '../ports/blob-source.ts'
import type { Clock } from '../ports/clock.ts'
import type { Holders } from '../ports/holders.ts'
import type { NodeId } from '../ports/node-id.ts'
import { type PeerClient, PeerFailure, type PeerPriority } from '../ports/peer-port.ts'
import type { Reach } from '../ports/upstream.ts'
import { verifiedFirstBytes } from './flight-reader.ts'
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
  /** It may have this node fetch the same blob. */
  readonly mayWaitForUs?: boolean
  readonly priority: () => PeerPriority
  /** It is asked for yet another node, which may be in a hurry: `priority` does not tell. */
  readonly isForOther?: boolean
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
  const workingMs = (): number => raceWorkingMs(ask)
  const passedMs = (atMs: number): number => clock.monotonicMs() - atMs

  /** Behind all pulls a machine may be busy: whoever is raced against it in the end is the registry, which would send it once more. */
  function silentMs(): number {
    if (isBehind(ask) && book.isThere(id)) return silentBehindMs
    return relay ? book.silentAfterMs(id) : book.raceAfterMs(id)
  }

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
    if (!isAbsence(error)) book.failed(id)
    return asSourceFailure(error)
  }

  /** A relay that was given up because it was late is not to cost the next blob the same time. */
  function blameIfLate(askedAtMs: number, heardAtMs: number): void {
    const isLate = passedMs(heardAtMs) >= silentMs() || passedMs(askedAtMs) >= workingMs()
    if (relay && isLate) book.failed(id)
  }

  return {
    name: relay ? `relay ${id}` : `peer ${id}`,
    kind: 'peer',
    mayWaitForUs: ask.mayWaitForUs ?? false,
    // Whether a relay is there is found out by asking: it was chosen knowing that it may be in doubt.
    reach: () => (relay || book.isThere(id) ? there : gone),
    get raceAfterMs() {
      return silentMs()
    },
    get raceWorkingAfterMs() {
      return relay ? workingMs() : undefined
    },
    async open(digest, repository, offset, signal, onWorking) {
      const askedAtMs = clock.monotonicMs()
      const isOutpaced = watchHurry(ask.priority)
      const question = { digest, repository, offset, relay, priority: ask.priority() }
      let heardAtMs = askedAtMs
      const heard = (): void => {
        heardAtMs = clock.monotonicMs()
        onWorking?.()
      }
      try {
        const options = { signal, firstByteMs: ask.firstByteMs, onWorking: heard }
        const answer = await client.openBlob(id, question, options)
        if (!relay) book.began(id, passedMs(askedAtMs))
        return { ...answer, body: measured(answer.body, signal), isOutpaced }
      } catch (error) {
        if (signal.aborted) blameIfLate(askedAtMs, heardAtMs)
        else if (!relay && isAbsence(error)) holders.lacks(id, digest)
        throw fail(error, signal)
      }
    },
    // What it relays is not its word but that of who it reads from.
    ...(!relay && { lied: async digest => holders.lied(id, digest) }),
  }
}

/** Tells whether what is asked for now for nobody in particular is waited for by a client since. */
export function watchHurry(priority: () => PeerPriority): () => boolean {
  const began = priority()
  return () => began === 'background' && priority() === 'pull'
}

function isAbsence(error: unknown): boolean {
  return error instanceof PeerFailure && error.code === 'absent'
}

/**
 * A node that fetches for everybody and says that it is at it, without a byte so far, is waited for so long, ms. A registry takes a
 * second where a token and a redirect are in the way. For a client, the few bytes of a small blob are sooner fetched twice than waited for.
 */
const workingLimits = { largeMs: 2_000, smallMs: 500 } as const

/**
 * Behind all pulls another node may be silent for so long while the mesh takes it to be there, ms: its machine may be busy. One that is gone
 * without a word is mostly missed sooner.
 */
const silentBehindMs = 10_000

/** Nothing is in a hurry then: no byte is worth fetching twice. */
const isBehind = ({ priority, isForOther = false }: PeerAsk): boolean =>
  priority() === 'background' && !isForOther

function raceWorkingMs(ask: PeerAsk): number {
  const { size = Number.POSITIVE_INFINITY, firstByteMs } = ask
  if (isBehind(ask)) return firstByteMs
  return size < verifiedFirstBytes ? workingLimits.smallMs : workingLimits.largeMs
}

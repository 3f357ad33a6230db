import { type Digest, parseDigest } from '../oci/digest.ts'
import type { Clock } from '../ports/clock.ts'
import type { ContentStore } from '../ports/content-store.ts'
import type { Members } from '../ports/members.ts'
import type { NodeId } from '../ports/node-id.ts'
import { type PeerAnswer, type PeerClient, PeerFailure } from '../ports/peer-port.ts'
import type { OwnersOf } from './owners.ts'

/** Subject on the peer port: keep this, I drop mine. */
export const leaseSubject = 'lease'

/** Sees to it that nodes which collect at the same time do not drop the last copies of what is protected. */
export interface LastCopies {
  /** Whether this node may try to leave a protected digest to others: it is to be held by others, and nobody relies on this one. */
  mayLeave(digest: Digest): boolean
  /**
   * Drops a digest by means of `drop`. What others rely on stays. What is protected is dropped only after one of its owners has promised to
   * keep it for an hour; until it is gone, this node promises that to nobody. Says whether it was dropped.
   */
  drop(digest: Digest, isProtected: boolean, drop: () => Promise<boolean>): Promise<boolean>
  /** Answers others who want to leave something to this node. */
  readonly answer: PeerAnswer
}

const leaseMs = 3_600_000
const askMs = 2_000
/** Promises remembered; with more, nothing more is promised. */
const maxLeases = 100_000

const granted = Uint8Array.of(1)
const refused = Uint8Array.of(0)

/** A promise is made of what is held and is not being dropped, and kept before anything else. */
export function createLastCopies(
  parts: {
    readonly members: Pick<Members, 'self'>
    readonly ownersOf: OwnersOf
    readonly store: Pick<ContentStore, 'stat'>
    readonly client: Pick<PeerClient, 'call'>
    readonly clock: Pick<Clock, 'monotonicMs'>
  },
  { signal }: { readonly signal: AbortSignal },
): LastCopies {
  const { members, ownersOf, store, client, clock } = parts
  /** Until when this node keeps what others left to it, on the monotonic clock. */
  const leases = new Map<Digest, number>()
  const leaving = new Set<Digest>()

  function isLeased(digest: Digest): boolean {
    const untilMs = leases.get(digest)
    if (untilMs === undefined) return false
    if (untilMs > clock.monotonicMs()) return true
    leases.delete(digest)
    return false
  }

  function grant(digest: Digest): boolean {
    if (store.stat(digest) === undefined || leaving.has(digest)) return false
    if (leases.size >= maxLeases && !leases.has(digest)) forgetOver()
    if (leases.size >= maxLeases && !leases.has(digest)) return false
    leases.set(digest, clock.monotonicMs() + leaseMs)
    return true
  }

  function forgetOver(): void {
    for (const digest of [...leases.keys()]) isLeased(digest)
  }

  async function isPromised(digest: Digest): Promise<boolean> {
    for (const owner of ownersOf(digest)) {
      if (owner !== members.self && (await ask(owner, digest))) return true
    }
    return false
  }

  async function ask(owner: NodeId, digest: Digest): Promise<boolean> {
    try {
      const options = { signal, timeoutMs: askMs, maxBytes: 16 }
      const answer = await client.call(owner, leaseSubject, Buffer.from(digest), options)
      return answer.length === 1 && answer[0] === 1
    } catch (error) {
      if (error instanceof PeerFailure || signal.aborted) return false
      throw error
    }
  }

  return {
    mayLeave(digest) {
      const owners = ownersOf(digest)
      return owners.length > 0 && !owners.includes(members.self) && !isLeased(digest)
    },
    async drop(digest, isProtected, drop) {
      if (leaving.has(digest) || isLeased(digest)) return false
      leaving.add(digest) // from here on nobody is promised this one
      try {
        return (!isProtected || (await isPromised(digest))) && (await drop())
      } finally {
        leaving.delete(digest)
      }
    },
    async answer(question) {
      const digest =
        question.length > 200 ? undefined : parseDigest(Buffer.from(question).toString())
      if (digest === undefined) throw new PeerFailure('protocol', 'no digest to keep')
      return grant(digest) ? granted : refused
    },
  }
}

/** A node alone: what is protected stays, all else may go. */
export const onlyCopies: Pick<LastCopies, 'mayLeave' | 'drop'> = {
  mayLeave: () => false,
  drop: (_digest, _isProtected, drop) => drop(),
}

import { type Digest, parseDigest } from '../oci/digest.ts'
import type { Members } from '../ports/members.ts'
import type { NodeId } from '../ports/node-id.ts'
import { type PeerAnswer, type PeerClient, PeerFailure } from '../ports/peer-port.ts'
import type { Leases } from './leases.ts'
import type { OwnersOf } from './owners.ts'

/** Subject on the peer port: keep this, I drop mine. */
export const leaseSubject = 'lease'

/** Sees to it that nodes which collect at the same time do not drop the last copies of what is protected. */
export interface LastCopies {
  /** Whether others rely on this node for it: it stays. */
  isLeased(digest: Digest): boolean
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

const askMs = 2_000

const granted = Uint8Array.of(1)
const refused = Uint8Array.of(0)

/** A promise is made of what is held and is not being dropped, and kept before anything else. */
export function createLastCopies(
  parts: {
    readonly members: Pick<Members, 'self'>
    readonly ownersOf: OwnersOf
    readonly leases: Leases
    /** Whether a node of this kind is to hold it: what is of no use here would go as soon as the promise is over. */
    readonly isForUs: (digest: Digest) => boolean
    readonly client: Pick<PeerClient, 'call'>
  },
  { signal }: { readonly signal: AbortSignal },
): LastCopies {
  const { members, ownersOf, leases, isForUs, client } = parts

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
    isLeased: leases.has,
    mayLeave(digest) {
      const owners = ownersOf(digest)
      return owners.length > 0 && !owners.includes(members.self) && !leases.has(digest)
    },
    drop: (digest, isProtected, drop) =>
      leases.whileLeaving(
        digest,
        async () => (!isProtected || (await isPromised(digest))) && (await drop()),
      ),
    async answer(question) {
      const digest =
        question.length > 200 ? undefined : parseDigest(Buffer.from(question).toString())
      if (digest === undefined) throw new PeerFailure('protocol', 'no digest to keep')
      return isForUs(digest) && (await leases.grant(digest)) ? granted : refused
    },
  }
}

/** A node that meets nobody (yet): what is protected, and what was promised to others before, stays; all else may go. */
export function keepAlone(leases: Leases): Omit<LastCopies, 'answer'> {
  return {
    isLeased: leases.has,
    mayLeave: () => false,
    drop: (digest, _isProtected, drop) => leases.whileLeaving(digest, drop),
  }
}

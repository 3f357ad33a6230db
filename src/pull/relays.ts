import { rankOwners } from '../ledger/rendezvous.ts'
import type { Digest } from '../oci/digest.ts'
import type { Repository } from '../oci/reference.ts'
import type { Clock } from '../ports/clock.ts'
import { type Member, type Members, mayAnswer, mayReach } from '../ports/members.ts'
import type { NodeId } from '../ports/node-id.ts'
import type { PeerBook } from './peer-book.ts'
import type { ReachOf } from './reach-of.ts'

/**
 * Who is to fetch content from its registry for this node, in turn: nobody where this node is the one who fetches it for all.
 *
 * A node that reaches the registry leans only on nodes that come before it in an order which depends on nothing but the digest. So
 * however differently nodes see the mesh, no two of them wait for each other, and when the first one fails the second takes over
 * while the others turn to it. A node that does not reach it leans on anyone who does.
 */
export type RelaysFor = (
  repository: Repository,
  digest: Digest,
  options?: {
    /** This node has just asked the registry itself, in vain. */
    readonly hasFailed?: boolean
  },
) => readonly NodeId[]

/** With so many failed or silent, one copy for all is worth no more waiting. */
const maxBefore = 3
/** Who cannot ask the registry itself tries more of them: each that does not reach it says so at once. */
const maxInstead = 5

/** Ranks the members that say they reach the registry, without those that failed this node a moment ago. */
export function createRelays(parts: {
  readonly members: Pick<Members, 'self' | 'all'>
  readonly book: Pick<PeerBook, 'failedLately'>
  readonly reachOf: ReachOf
  readonly clock: Pick<Clock, 'monotonicMs'>
}): RelaysFor {
  const { members, book, reachOf, clock } = parts

  /** Busy nodes are taken for doubtful now and then: were they passed over at once, everybody would see another order. */
  function isThere(member: Member): boolean {
    return !book.failedLately(member.id) && mayAnswer(member, clock.monotonicMs())
  }

  return (repository, digest, { hasFailed = false } = {}) => {
    const reaching = members
      .all()
      .filter(member => mayReach(member, repository.registry) && isThere(member))
      .map(({ id }) => id)
    const { state } = reachOf(repository)
    if (hasFailed || state !== 'reachable') return rankOwners(digest, reaching, maxInstead)
    const ranked = rankOwners(digest, [...reaching, members.self], maxBefore + 1)
    const own = ranked.indexOf(members.self)
    return ranked.slice(0, own < 0 ? maxBefore : own)
  }
}

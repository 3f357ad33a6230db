import { rankOwners } from '../ledger/rendezvous.ts'
import type { Digest } from '../oci/digest.ts'
import type { Repository } from '../oci/reference.ts'
import type { Members } from '../ports/members.ts'
import type { NodeId } from '../ports/node-id.ts'
import type { ReachOf } from './reach-of.ts'

/**
 * Who is to fetch content from its registry for this node, in turn: nobody where this node is the one who fetches it for all.
 *
 * @returns one node while this node reaches the registry itself, else up to three
 */
export type RelaysFor = (
  repository: Repository,
  digest: Digest,
  options?: {
    /** This node has just asked the registry itself, in vain. */
    readonly hasFailed?: boolean
  },
) => readonly NodeId[]

const maxRelays = 3

/** The order is one that all members work out alike, over those that say they reach the registry. */
export function createRelays(
  members: Pick<Members, 'self' | 'alive'>,
  reachOf: ReachOf,
): RelaysFor {
  return (repository, digest, { hasFailed = false } = {}) => {
    const reaching = members
      .alive()
      .filter(({ upstreams }) => upstreams.includes(repository.registry))
      .map(({ id }) => id)
    const { state } = reachOf(repository)
    if (hasFailed || state !== 'reachable') return rankOwners(digest, reaching, maxRelays)
    const [first] = rankOwners(digest, [...reaching, members.self], 1)
    return first === undefined || first === members.self ? [] : [first]
  }
}

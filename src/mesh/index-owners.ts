import { rankOwners } from '../ledger/rendezvous.ts'
import type { Members } from '../ports/members.ts'
import type { NodeId } from '../ports/node-id.ts'

/** Members that keep one shard. Up to so many members, everybody keeps everything. */
const ownersPerShard = 3

/** Who keeps which shard of the index: worked out alike by all who see the same members, this node among them. */
export function createShardOwners(
  members: Pick<Members, 'self' | 'alive'>,
): (shard: number) => readonly NodeId[] {
  let seen = members.alive()
  let owners = new Map<number, readonly NodeId[]>()
  return shard => {
    const alive = members.alive()
    if (alive !== seen) {
      seen = alive
      owners = new Map()
    }
    const known = owners.get(shard)
    if (known !== undefined) return known
    const ids = [members.self, ...alive.map(({ id }) => id)]
    const ranked = rankOwners(`shard ${shard}`, ids, ownersPerShard)
    owners.set(shard, ranked)
    return ranked
  }
}

import { rankOwners } from '../ledger/rendezvous.ts'
import { createAliveIds } from '../ports/alive-ids.ts'
import type { Members } from '../ports/members.ts'
import type { NodeId } from '../ports/node-id.ts'

/** Members that keep one shard. Up to so many members, everybody keeps everything. */
export const ownersPerShard = 3

/** Who keeps which shard of the index: worked out alike by all who see the same members, this node among them. */
export function createShardOwners(
  members: Pick<Members, 'self' | 'alive'>,
): (shard: number) => readonly NodeId[] {
  const aliveIds = createAliveIds(members)
  const owners = new Map<number, readonly NodeId[]>()
  let seen = aliveIds()

  const rank = (shard: number, ids: readonly NodeId[]): readonly NodeId[] =>
    rankOwners(`shard ${shard}`, ids, ownersPerShard)

  /** Who comes is ranked among those that are there; who goes leaves only what was its own to be worked out anew. */
  function follow(now: readonly NodeId[]): void {
    const before = new Set(seen)
    const present = new Set([members.self, ...now])
    const came = now.filter(id => !before.has(id))
    for (const [shard, ranked] of owners) {
      if (!ranked.every(id => present.has(id))) owners.delete(shard)
      else if (came.length > 0) owners.set(shard, rank(shard, [...ranked, ...came]))
    }
    seen = now
  }

  return shard => {
    const now = aliveIds()
    if (now !== seen) follow(now)
    const known = owners.get(shard)
    if (known !== undefined) return known
    const ranked = rank(shard, [members.self, ...now])
    owners.set(shard, ranked)
    return ranked
  }
}

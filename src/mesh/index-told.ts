import type { Digest } from '../oci/digest.ts'
import type { NodeId } from '../ports/node-id.ts'
import { hashDigests, maxInShard, type ShardHoldings, shardOf } from './index-message.ts'

/** What this node holds, by shard, and what of it each owner was told. */
export interface ToldHoldings {
  add(digest: Digest): void
  remove(digest: Digest): void
  /** What an owner has to be told of a shard now; `undefined`: nothing. `isRefresh`: that nothing changed is to be told, too. */
  newsFor(owner: NodeId, shard: number, isRefresh: boolean): ShardHoldings | undefined
  /** An owner took it in. */
  took(owner: NodeId, shards: readonly ShardHoldings[]): void
  /** It is not known what an owner has of these shards. */
  doubt(owner: NodeId, shards: Iterable<number>): void
  /** Owners that were told something, those first that were told longest ago that nothing changed. */
  owners(): readonly NodeId[]
  forget(owner: NodeId): void
}

/** Stands for what an owner may or may not have taken in. */
const unknown = ''
const nothing: ReadonlySet<Digest> = new Set()

export function createToldHoldings(): ToldHoldings {
  const held = new Map<number, Set<Digest>>()
  const hashes = new Map<number, string>()
  /** The hash of what each owner was told last, by shard. */
  const told = new Map<NodeId, Map<number, string>>()

  function digestsOf(shard: number): readonly Digest[] {
    return [...(held.get(shard) ?? nothing)].slice(0, maxInShard)
  }

  function hashOf(shard: number): string {
    const known = hashes.get(shard)
    if (known !== undefined) return known
    const hash = hashDigests(digestsOf(shard))
    hashes.set(shard, hash)
    return hash
  }

  function remember(owner: NodeId, shard: number, hash: string): void {
    const shards = told.get(owner) ?? new Map<number, string>()
    shards.set(shard, hash)
    told.set(owner, shards)
  }

  function moveToEnd(owner: NodeId): void {
    const shards = told.get(owner)
    if (shards === undefined) return
    told.delete(owner)
    told.set(owner, shards)
  }

  return {
    add(digest) {
      const shard = shardOf(digest)
      hashes.delete(shard)
      held.set(shard, (held.get(shard) ?? new Set()).add(digest))
    },
    remove(digest) {
      const shard = shardOf(digest)
      hashes.delete(shard)
      held.get(shard)?.delete(digest)
    },
    newsFor(owner, shard, isRefresh) {
      const before = told.get(owner)?.get(shard)
      const isEmpty = (held.get(shard) ?? nothing).size === 0
      if (isEmpty && before === undefined) return undefined
      const hash = hashOf(shard)
      if (before !== hash) return { shard, hash, digests: digestsOf(shard) }
      return isRefresh ? { shard, hash, digests: undefined } : undefined
    },
    took(owner, shards) {
      if (shards.some(({ digests }) => digests === undefined)) moveToEnd(owner)
      for (const { shard, hash, digests } of shards) {
        if (digests?.length === 0) told.get(owner)?.delete(shard)
        else remember(owner, shard, hash)
      }
    },
    doubt(owner, shards) {
      for (const shard of shards) remember(owner, shard, unknown)
    },
    owners: () => [...told.keys()],
    forget: owner => void told.delete(owner),
  }
}

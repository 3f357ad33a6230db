import type { Digest } from '../oci/digest.ts'
import type { Clock } from '../ports/clock.ts'
import type { Members } from '../ports/members.ts'
import type { NodeId } from '../ports/node-id.ts'
import { hashDigests, maxInShard, maxTold, type ShardHoldings, shardOf } from './index-message.ts'
import { leaseMs } from './index-refresh.ts'

/** What others told this node that they hold, of the shards it keeps. */
export interface IndexEntries {
  /** Takes in what a node holds; an empty list withdraws all. Returns the shards of which it has to tell all. */
  put(from: NodeId, shards: readonly ShardHoldings[]): readonly number[]
  /** Live members that hold a digest, as many as are told: those of the asker's zone first, else in random order. */
  holders(digest: Digest, asker: NodeId): readonly NodeId[]
  /** A holder does not have this any more; its next refresh has to tell all of the shard. */
  drop(id: NodeId, digest: Digest): void
  /** Forgets what was not refreshed, and members that have gone. */
  sweep(): void
  /** Digests with at least one holder. */
  size(): number
}

/** What a member told is kept for so long after it went, ms: one that was only not heard here does not know that it has to tell it again. */
const absentMs = 25 * 60_000
/** Holders kept of one digest: what so many hold is found without the others. */
const maxHolders = 64
/** Digests kept of one node, so that no node crowds out the others. */
const maxOfNode = 20_000
/** Digests kept of all nodes together: some 100 MB at the most. */
const maxEntries = 400_000

interface Told {
  readonly hash: string
  readonly digests: ReadonlySet<Digest>
  /** When, monotonic. */
  toldMs: number
}

/** Keeps entries in bounded memory: what does not fit is not kept, and its holder found by asking. */
export function createIndexEntries(
  parts: {
    readonly members: Pick<Members, 'get' | 'alive'>
    readonly clock: Pick<Clock, 'monotonicMs'>
    readonly random: () => number
  },
  { zone }: { readonly zone: string | undefined },
): IndexEntries {
  const { members, clock, random } = parts
  const told = new Map<NodeId, Map<number, Told>>()
  const holdersOf = new Map<Digest, Set<NodeId>>()
  const goneSince = new Map<NodeId, number>()
  let entries = 0

  function add(id: NodeId, digest: Digest): void {
    const holders = holdersOf.get(digest) ?? new Set<NodeId>()
    if (holders.size >= maxHolders || entries >= maxEntries || holders.has(id)) return
    holders.add(id)
    entries += 1
    holdersOf.set(digest, holders)
  }

  function remove(id: NodeId, digest: Digest): void {
    const holders = holdersOf.get(digest)
    if (!holders?.delete(id)) return
    entries -= 1
    if (holders.size === 0) holdersOf.delete(digest)
  }

  function forget(id: NodeId, shard: number): void {
    const shards = told.get(id)
    for (const digest of shards?.get(shard)?.digests ?? []) remove(id, digest)
    shards?.delete(shard)
    if (shards?.size === 0) told.delete(id)
  }

  function forgetAll(id: NodeId): void {
    for (const shard of [...(told.get(id)?.keys() ?? [])]) forget(id, shard)
  }

  function forgetOld(id: NodeId): void {
    const sinceMs = clock.monotonicMs() - leaseMs(members.alive().length)
    for (const [shard, { toldMs }] of [...(told.get(id) ?? [])]) {
      if (toldMs < sinceMs) forget(id, shard)
    }
  }

  /** Looked at with each sweep. */
  function isLongGone(id: NodeId): boolean {
    const nowMs = clock.monotonicMs()
    const member = members.get(id)
    if (member === undefined) return true
    if (member.state !== 'gone') goneSince.delete(id)
    else if (!goneSince.has(id)) goneSince.set(id, nowMs)
    return nowMs - (goneSince.get(id) ?? nowMs) >= absentMs
  }

  function countOf(id: NodeId): number {
    let count = 0
    for (const { digests } of told.get(id)?.values() ?? []) count += digests.size
    return count
  }

  function replace(from: NodeId, shard: number, digests: readonly Digest[], hash: string): void {
    const before = told.get(from)?.get(shard)?.digests
    const others = countOf(from) - (before?.size ?? 0)
    const kept = digests.slice(0, Math.min(maxInShard, maxOfNode - others))
    const now = new Set(kept)
    for (const digest of before ?? []) if (!now.has(digest)) remove(from, digest)
    for (const digest of now) add(from, digest)
    const shards = told.get(from) ?? new Map<number, Told>()
    shards.set(shard, { hash, digests: now, toldMs: clock.monotonicMs() })
    told.set(from, shards)
  }

  /** Whether all has to be told. */
  function take(from: NodeId, { shard, hash, digests }: ShardHoldings): boolean {
    const known = told.get(from)?.get(shard)
    if (digests !== undefined) {
      if (digests.length === 0) forget(from, shard)
      else if (hashDigests(digests) === hash) replace(from, shard, digests, hash)
      return false
    }
    if (known?.hash !== hash) return true
    known.toldMs = clock.monotonicMs()
    // What did not fit before may do so by now.
    for (const digest of known.digests) add(from, digest)
    return false
  }

  function isAlive(id: NodeId): boolean {
    return members.get(id)?.state === 'alive'
  }

  return {
    put(from, shards) {
      if (shards.length === 0) forgetAll(from)
      return shards.filter(shard => take(from, shard)).map(({ shard }) => shard)
    },
    holders(digest, asker) {
      const askersZone = members.get(asker)?.zone ?? zone
      const isNear = (id: NodeId) =>
        askersZone === undefined || members.get(id)?.zone === askersZone
      return [...(holdersOf.get(digest) ?? [])]
        .filter(id => id !== asker && isAlive(id))
        .map(id => ({ id, rank: Number(!isNear(id)) + random() }))
        .sort((a, b) => a.rank - b.rank)
        .slice(0, maxTold)
        .map(({ id }) => id)
    },
    drop(id, digest) {
      remove(id, digest)
      const known = told.get(id)?.get(shardOf(digest))
      if (known === undefined) return
      const digests = new Set(known.digests)
      digests.delete(digest)
      told.get(id)?.set(shardOf(digest), { ...known, hash: '', digests })
    },
    sweep() {
      for (const id of [...told.keys()]) {
        if (isLongGone(id)) forgetAll(id)
        else forgetOld(id)
      }
      for (const id of goneSince.keys()) if (!told.has(id)) goneSince.delete(id)
    },
    size: () => holdersOf.size,
  }
}

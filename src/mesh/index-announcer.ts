import { createAliveIds } from '../ports/alive-ids.ts'
import type { Clock } from '../ports/clock.ts'
import type { ContentStore } from '../ports/content-store.ts'
import type { Log } from '../ports/log.ts'
import type { Members } from '../ports/members.ts'
import type { NodeId } from '../ports/node-id.ts'
import type { PeerClient } from '../ports/peer-port.ts'
import type { Timers } from '../ports/timers.ts'
import { indexSubjects } from './index-answers.ts'
import { decodeShards, encodePut, maxPut, type ShardHoldings, shardCount } from './index-message.ts'
import { refreshedAtOnce, refreshMs } from './index-refresh.ts'
import { createToldHoldings } from './index-told.ts'

/** Tells the owners of the shards what this node holds. */
export interface IndexAnnouncer {
  /** Withdraws everything, within a second. */
  close(): Promise<void>
}

interface Parts {
  readonly store: Pick<ContentStore, 'list' | 'onChange'>
  readonly members: Pick<Members, 'self' | 'alive' | 'onChange'>
  readonly ownersOf: (shard: number) => readonly NodeId[]
  readonly client: Pick<PeerClient, 'call'>
  readonly clock: Pick<Clock, 'monotonicMs'>
  readonly timers: Timers
  readonly random: () => number
  readonly log: Log
}

/** Rounds are so far apart, ms: what comes in after a pause is told at once, and what follows it together. */
const batchMs = 200
/** An owner that did not take it is told again after about this, ms, and later and later up to the refresh. */
const retryMs = 2_000
const putMs = 5_000
/** Owners told at the same time. */
const maxTelling = 8
const withdrawMs = 1_000

/**
 * Follows the store and the members: what is new is told at once (in batches), what is lost without waiting, and each shard again to
 * whoever became its owner. To an owner that knows a shard already only its hash is sent, to some of them now and then in turn.
 */
export function startIndexAnnouncer(parts: Parts): IndexAnnouncer {
  const { store, members, ownersOf, client, clock, timers, random, log } = parts
  const told = createToldHoldings()
  /** Owners that did not take what they were told, and how often. */
  const failures = new Map<NodeId, number>()
  const ending = new AbortController()
  const aliveIds = createAliveIds(members)
  let alive = aliveIds()
  let stopTimer = () => {}
  let stopRefresh = () => {}
  let dueInMs = Number.POSITIVE_INFINITY
  let toldAtMs = Number.NEGATIVE_INFINITY
  let telling: Promise<void> | undefined
  let isWanted = false
  let isRefreshing = false

  for (const { digest } of store.list()) told.add(digest)

  const stopListening = [
    store.onChange(({ kind, digest }) => {
      if (kind === 'added') told.add(digest)
      else told.remove(digest)
      schedule(kind === 'added' ? Math.max(0, toldAtMs + batchMs - clock.monotonicMs()) : 0)
    }),
    members.onChange(() => {
      const now = aliveIds()
      if (now === alive) return
      alive = now
      forgetAbsent(new Set(now))
      schedule(batchMs)
    }),
  ]
  schedule(batchMs)
  refreshLater()

  /** Who was away may have lost what it was told. */
  function forgetAbsent(present: ReadonlySet<NodeId>): void {
    for (const id of told.owners()) if (!present.has(id)) told.forget(id)
    for (const id of [...failures.keys()]) if (!present.has(id)) failures.delete(id)
  }

  function schedule(inMs: number): void {
    if (ending.signal.aborted || inMs >= dueInMs) return
    stopTimer()
    dueInMs = inMs
    stopTimer = timers.after(inMs, () => {
      dueInMs = Number.POSITIVE_INFINITY
      tell()
    })
  }

  function refreshLater(): void {
    stopRefresh = timers.after(refreshMs * (0.8 + random() * 0.4), () => {
      refreshLater()
      isRefreshing = true
      tell()
    })
  }

  /** One round at a time; what is wanted meanwhile has one of its own. */
  function tell(): void {
    if (telling !== undefined) {
      isWanted = true
      return
    }
    toldAtMs = clock.monotonicMs()
    const isRefresh = isRefreshing
    isRefreshing = false
    telling = tellAll(isRefresh).finally(() => {
      telling = undefined
      if (isWanted) schedule(0)
      isWanted = false
    })
  }

  async function tellAll(isRefresh: boolean): Promise<void> {
    const queue = [...due(isRefresh)]
    const work = async () => {
      for (let next = queue.pop(); next !== undefined; next = queue.pop()) await tellOne(...next)
    }
    await Promise.all(Array.from({ length: maxTelling }, work))
  }

  /** What each owner is to be told now. */
  function due(isRefresh: boolean): ReadonlyMap<NodeId, readonly ShardHoldings[]> {
    const byOwner = new Map<NodeId, ShardHoldings[]>()
    const refreshed = new Set(
      isRefresh ? told.owners().slice(0, refreshedAtOnce(alive.length)) : [],
    )
    for (const [owner, shard] of owned()) {
      const news = told.newsFor(owner, shard, refreshed.has(owner))
      if (news !== undefined) byOwner.set(owner, [...(byOwner.get(owner) ?? []), news])
    }
    return byOwner
  }

  function* owned(): Generator<readonly [NodeId, number]> {
    for (let shard = 0; shard < shardCount; shard += 1) {
      for (const owner of ownersOf(shard)) if (owner !== members.self) yield [owner, shard]
    }
  }

  async function tellOne(owner: NodeId, shards: readonly ShardHoldings[]): Promise<void> {
    try {
      for (const part of split(shards)) await tellPart(owner, part)
      failures.delete(owner)
    } catch (err) {
      if (!ending.signal.aborted) later(owner, shards, err)
    }
  }

  async function tellPart(owner: NodeId, shards: readonly ShardHoldings[]): Promise<void> {
    const wanted = await put(owner, shards)
    told.took(owner, shards)
    if (wanted.length === 0) return
    told.doubt(owner, wanted)
    schedule(batchMs)
  }

  function later(owner: NodeId, shards: readonly ShardHoldings[], err: unknown): void {
    const before = failures.get(owner) ?? 0
    failures.set(owner, before + 1)
    told.doubt(
      owner,
      shards.map(({ shard }) => shard),
    )
    log.debug({ peer: owner, err }, 'an owner of the index did not take what is held here')
    schedule(Math.min(retryMs * 2 ** before, refreshMs) * (0.5 + random()))
  }

  /** Shards of which the owner does not know what the hash stands for. */
  async function put(owner: NodeId, shards: readonly ShardHoldings[]): Promise<readonly number[]> {
    const options = { signal: ending.signal, timeoutMs: putMs }
    const answer = await client.call(owner, indexSubjects.put, encodePut(shards), options)
    return decodeShards(answer) ?? []
  }

  async function withdraw(): Promise<void> {
    const options = { signal: AbortSignal.timeout(withdrawMs), timeoutMs: withdrawMs }
    const owners = told.owners()
    await Promise.allSettled(
      owners.map(owner => client.call(owner, indexSubjects.put, encodePut([]), options)),
    )
  }

  return {
    async close() {
      stopTimer()
      stopRefresh()
      for (const stop of stopListening) stop()
      ending.abort()
      await telling
      await withdraw()
    },
  }
}

/** Parts that fit into a message. */
function* split(shards: readonly ShardHoldings[]): Generator<readonly ShardHoldings[]> {
  let part: ShardHoldings[] = []
  let count = 0
  for (const next of shards) {
    const size = next.digests?.length ?? 0
    if (part.length > 0 && count + size > maxPut) {
      yield part
      part = []
      count = 0
    }
    part.push(next)
    count += size
  }
  if (part.length > 0) yield part
}

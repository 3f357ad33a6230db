import type { BlobInfo, StoreUsage } from '../ports/content-store.ts'
import type { MaintainedStore } from '../ports/content-upkeep.ts'
import type { Log } from '../ports/log.ts'
import { createOneByOne } from '../ports/one-by-one.ts'
import { type Candidate, chooseVictims, type Goal, type Victim } from './choose-victims.ts'
import type { LastCopies } from './last-copies.ts'
import type { LastUse } from './last-use.ts'
import type { ProtectedContent } from './protected-content.ts'
import { createRefusals, type Refusals, type Stays } from './refusals.ts'
import { bytesByStay, type Stay } from './staying-bytes.ts'

/** What a collection dropped or, when `dryRun`, would drop. */
export interface CollectionResult {
  readonly dryRun: boolean
  /** Freed, blobs and interrupted downloads together. */
  readonly bytes: number
  readonly dropped: readonly Victim[]
  /** Bytes that may not be dropped now. */
  readonly protectedBytes: number
}

/** How a store's room is taken. All bytes. */
export interface StoreRoom {
  readonly usage: StoreUsage
  /** What the store may take now: less than its quota when others fill the file system. */
  readonly capacityBytes: number
  /** What may not be dropped now. */
  readonly protectedBytes: number
  /** What would be dropped if its room were needed. */
  readonly droppableBytes: number
}

/** Drops what is needed least, never what is protected. One collection runs at a time; the others wait. */
export interface Collector extends Pick<Refusals, 'isFull' | 'staying' | 'refuses' | 'fitsBytes'> {
  /** Drops what is expired and, when the store is above high water, the least recently used down to low water. */
  run(options?: { readonly dryRun?: boolean }): Promise<CollectionResult>
  /**
   * Frees at least so many bytes (and somewhat more, so that the next call has nothing to do), or answers `false` and drops nothing
   * when what may be dropped is not enough.
   */
  makeRoom(bytes: number): Promise<boolean>
  /** Looks at all that is held, and drops nothing. */
  measure(): Promise<StoreRoom>
  /** Whether the store is above high water. */
  isAboveHighWater(): Promise<boolean>
  /** Looks whether what was refused would still be: room may come from what is no longer kept, or from others on the disk. */
  reconsider(): Promise<void>
}

export interface CollectorParts {
  readonly store: MaintainedStore
  readonly lastUse: Pick<LastUse, 'usedAtMs'>
  /** What must not be dropped now; may take its time, but is right when it comes. */
  readonly protectedContent: () => Promise<ProtectedContent> | ProtectedContent
  /** What others rely on, and what may be left to them; nothing by default. */
  readonly lastCopies?: Omit<LastCopies, 'answer'>
  readonly nowMs: () => number
  readonly log: Log
}

export interface CollectorOptions {
  readonly quotaBytes: number
  readonly minFreeBytes: number
  /** 0 = blobs do not expire by time. */
  readonly unusedForDays: number
  /** Parts of the room the store may take: above `highWater` a collection begins, at `lowWater` it ends. */
  readonly highWater?: number
  readonly lowWater?: number
}

/** What a collection has before it. */
interface Survey extends Stays {
  readonly candidates: readonly Candidate[]
  /** Protected, and to be held by others: given away before new content is turned away. */
  readonly leavable: readonly Candidate[]
}

const dayMs = 86_400_000

const noOthers: Omit<LastCopies, 'answer'> = {
  isLeased: () => false,
  mayLeave: () => false,
  drop: (_digest, _isProtected, drop) => drop(),
}

/** What was used within this is in use, on a disk that others fill. */
const inUseMs = dayMs
/** Blobs that others are asked to keep for one new one: whoever waits for room does not wait long. */
const maxLeft = 16
/** An interrupted download that nobody continued. */
const partialDays = 7

/** Garbage collection over one store. */
export function createCollector(parts: CollectorParts, options: CollectorOptions): Collector {
  const { store, log, lastCopies = noOthers } = parts
  const { highWater = 0.95, lowWater = 0.9 } = options
  const inTurn = createOneByOne()

  /** Bytes that the store may take now: less than its quota when others fill the file system. */
  function capacity({ blobBytes, partialBytes, freeBytes }: StoreUsage): number {
    const reachable = blobBytes + partialBytes + freeBytes - options.minFreeBytes
    return Math.max(0, Math.min(options.quotaBytes, reachable))
  }

  function goal(bytes: number): Goal {
    const nowMs = parts.nowMs()
    const { unusedForDays } = options
    return {
      bytes,
      blobsBeforeMs: unusedForDays > 0 ? nowMs - unusedForDays * dayMs : undefined,
      partialsBeforeMs: nowMs - partialDays * dayMs,
    }
  }

  /** Others fill the disk: our own quota is not what limits us. */
  function isSqueezed({ blobBytes, partialBytes, freeBytes }: StoreUsage): boolean {
    return blobBytes + partialBytes + freeBytes - options.minFreeBytes < options.quotaBytes
  }

  /**
   * Within our own quota the least recently used makes room for the new, however recent. On a disk that others fill there is no end to
   * that: what was used lately stays, and the new is streamed and not stored.
   */
  async function survey(usage: StoreUsage): Promise<Survey> {
    const isProtected = await parts.protectedContent()
    const latelyMs = isSqueezed(usage) ? parts.nowMs() - inUseMs : Number.POSITIVE_INFINITY
    const blobs = [...store.list()].map(blob => describe(blob, 'blob'))
    const whyStays = ({ digest, lastUsedMs }: Candidate): Stay | undefined =>
      isProtected.get(digest) ??
      (lastCopies.isLeased(digest) ? 'leased' : lastUsedMs > latelyMs ? 'recent' : undefined)
    const [keptBlobs, looseBlobs] = part(blobs, blob => whyStays(blob) !== undefined)
    const [openPartials, loosePartials] = part([...store.partials()], ({ isOpen }) => isOpen)
    const leavable = keptBlobs.filter(
      ({ digest, lastUsedMs }) => lastUsedMs <= latelyMs && lastCopies.mayLeave(digest),
    )
    return {
      leavable,
      candidates: [...looseBlobs, ...loosePartials.map(partial => describe(partial, 'partial'))],
      protectedBytes: sizeOf(keptBlobs) + sizeOf(openPartials),
      staying: bytesByStay([
        ...keptBlobs.map(blob => ({ ...blob, why: whyStays(blob) })),
        ...openPartials.map(({ size }) => ({ size, why: 'arriving' as const })),
      ]),
    }
  }

  function describe({ digest, size }: BlobInfo, kind: Candidate['kind']): Candidate {
    return { digest, size, kind, lastUsedMs: parts.lastUse.usedAtMs(digest) }
  }

  async function drop(victim: Victim, isProtected: boolean): Promise<boolean> {
    const { digest, kind } = victim
    if (kind === 'partial') return dropUnused(victim)
    return lastCopies.drop(digest, isProtected, () => dropUnused(victim))
  }

  async function dropUnused(victim: Victim): Promise<boolean> {
    const { digest, kind, lastUsedMs } = victim
    if (parts.lastUse.usedAtMs(digest) !== lastUsedMs) return false // used since it was chosen
    try {
      if (kind === 'partial') return (await store.dropPartial(digest)) > 0
      await store.delete(digest)
      return true
    } catch (err) {
      log.error({ digest, err }, 'a blob could not be collected')
      return false
    }
  }

  async function dropAll(
    victims: readonly Victim[],
    protectedBytes: number,
    isProtected = false,
  ): Promise<CollectionResult> {
    const dropped: Victim[] = []
    for (const victim of victims) if (await drop(victim, isProtected)) dropped.push(victim)
    const bytes = sizeOf(dropped)
    if (dropped.length > 0) {
      log.info({ bytes, blobs: dropped.length, protectedBytes }, 'content was collected')
    }
    return { dryRun: false, bytes, dropped, protectedBytes }
  }

  async function run(dryRun: boolean): Promise<CollectionResult> {
    const usage = await store.usage()
    const used = usage.blobBytes + usage.partialBytes
    const room = capacity(usage)
    const excess = used > room * highWater ? Math.ceil(used - room * lowWater) : 0
    const { candidates, protectedBytes } = await survey(usage)
    const victims = chooseVictims(candidates, goal(excess))
    if (!dryRun && excess === 0) refusals.clear()
    if (dryRun) return { dryRun, bytes: sizeOf(victims), dropped: victims, protectedBytes }
    return dropAll(victims, protectedBytes)
  }

  async function makeRoom(bytes: number): Promise<boolean> {
    const usage = await store.usage()
    const spare = Math.ceil(capacity(usage) * (1 - lowWater))
    let freed = 0
    for (let round = 0; round < 3 && freed < bytes; round++) {
      const found = await survey(usage)
      const { candidates, leavable, protectedBytes } = found
      const short = bytes - freed - sizeOf(candidates)
      if (short > 0) freed += await leave(leavable, short)
      if (sizeOf(candidates) < bytes - freed) return refuse(usage, bytes, found)
      const victims = chooseVictims(candidates, goal(bytes - freed + spare))
      freed += (await dropAll(victims, protectedBytes)).bytes
    }
    if (freed < bytes) return refuse(usage, bytes, await survey(usage))
    refusals.clear()
    return true
  }

  /** Leaves what is protected to its owners, the least recently used first, until so much is freed; returns the bytes. */
  async function leave(leavable: readonly Candidate[], bytes: number): Promise<number> {
    if (sizeOf(leavable) < bytes) return 0
    let freed = 0
    const never = { blobsBeforeMs: undefined, partialsBeforeMs: 0 }
    const victims = chooseVictims(leavable, { ...never, bytes: sizeOf(leavable) })
    for (const victim of victims.slice(0, maxLeft)) {
      if (freed >= bytes) break
      freed += (await dropAll([victim], 0, true)).bytes
    }
    return freed
  }

  const refusals = createRefusals({ log }, { quotaBytes: options.quotaBytes, highWater, capacity })
  const { refuse, isFull, staying, refuses, fitsBytes } = refusals

  async function look(): Promise<{ readonly usage: StoreUsage; readonly found: Stays }> {
    const usage = await store.usage()
    return { usage, found: await survey(usage) }
  }

  return {
    run: ({ dryRun = false } = {}) => inTurn(() => run(dryRun)),
    makeRoom: bytes => inTurn(() => makeRoom(bytes)),
    async measure() {
      const usage = await store.usage()
      const { candidates, protectedBytes } = await survey(usage)
      const droppableBytes = sizeOf(candidates)
      return { usage, capacityBytes: capacity(usage), protectedBytes, droppableBytes }
    },
    async isAboveHighWater() {
      const usage = await store.usage()
      return usage.blobBytes + usage.partialBytes > capacity(usage) * highWater
    },
    isFull,
    staying,
    refuses,
    fitsBytes,
    reconsider: () => inTurn(() => refusals.reconsider(look)),
  }
}

/** Those of which it is true, and the others. */
function part<T>(items: readonly T[], isTrue: (item: T) => boolean): [T[], T[]] {
  const { yes = [], no = [] } = Object.groupBy(items, item => (isTrue(item) ? 'yes' : 'no'))
  return [yes, no]
}

function sizeOf(items: readonly { readonly size: number }[]): number {
  return items.reduce((sum, { size }) => sum + size, 0)
}

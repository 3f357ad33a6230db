import pTimeout from 'p-timeout'
import type { OpenedLedger } from '../adapters/sqlite/open.ts'
import type { Config } from '../config/config.ts'
import { parseImagePattern } from '../config/image-pattern.ts'
import { hasPrivate } from '../config/rules.ts'
import { type Collector, createCollector } from '../keep/collect.ts'
import { finishDownloads } from '../keep/finish-downloads.ts'
import { createKeepSet, type KeepSet } from '../keep/keep-set.ts'
import { keepAlone, type LastCopies } from '../keep/last-copies.ts'
import { createLastUse, type LastUse } from '../keep/last-use.ts'
import { createLeases, type Leases } from '../keep/leases.ts'
import type { KeptImage } from '../keep/repair.ts'
import { keepRunning, type Running } from '../keep/running.ts'
import { createScrub, type Scrub } from '../keep/scrub.ts'
import { startUpkeep, type Upkeep } from '../keep/upkeep.ts'
import { createUsageClock } from '../keep/usage-clock.ts'
import type { Digest } from '../oci/digest.ts'
import type { Clock } from '../ports/clock.ts'
import type { MaintainedStore } from '../ports/content-upkeep.ts'
import type { Log } from '../ports/log.ts'
import type { NeighbourStatus } from '../ports/neighbour-store.ts'
import type { TagLedger } from '../ports/tag-ledger.ts'
import { systemTimers } from '../ports/timers.ts'
import { type Completeness, createCompleteness } from '../pull/completeness.ts'
import { type ContentGraph, createContentGraph } from '../pull/content-graph.ts'
import { createImagePlatforms, type ImagePlatforms } from '../pull/image-platforms.ts'
import { createStartable, type Startable } from '../pull/startable.ts'
import type { Metrics } from '../telemetry/metrics.ts'
import { createLedgerRoots, eachTarget } from './ledger-roots.ts'
import { joinNeighbour } from './neighbour.ts'
import { type ProtectedHere, protectHere } from './protection.ts'
import type { OpenedStore } from './store.ts'

/** What this node holds, what is known of it, and what looks after it. */
export interface Content {
  /** Everything that is held on this node, also by its containerd. */
  readonly store: MaintainedStore
  /** Whether this node keeps content itself; else nothing can be fetched before a client of its containerd wants it. */
  readonly keepsContent: boolean
  readonly graph: ContentGraph
  /** What clients are served by. */
  readonly completeness: Completeness
  readonly imagePlatforms: ImagePlatforms
  /** What people are told, and what is kept by. */
  readonly startable: Startable
  readonly lastUse: LastUse
  readonly collector: Collector
  readonly scrub: Scrub
  readonly upkeep: Pick<Upkeep, 'collect' | 'scrub'>
  /** Of the file system; new content is refused before less is free. */
  readonly minFreeBytes: number
  readonly leases: Leases
  /** Which tags must stay available offline, beside pins. */
  readonly keeps: KeepSet
  /** What pinned tags, and those that are kept, are answered with. */
  keptImages(): Promise<readonly KeptImage[]>
  /** Those of them that a digest belongs to, itself if it is one, as known when {@link Content.keptImages} was asked last. */
  keptImagesWith(digest: Digest): readonly Digest[]
  /** What is not collected though nothing keeps it: what is on its way. */
  readonly protection: Pick<ProtectedHere, 'answered' | 'importing' | 'mayFit' | 'warmBy'>
  /** From now on other nodes count: what they rely on stays, what is theirs to hold may be left to them. */
  leaveTo(others: Omit<LastCopies, 'answer'>): void
  /** How the containerd beside this node is; absent: nobody looks into it. */
  readonly neighbour: (() => NeighbourStatus) | undefined
  /** The store's last write failed, and not for want of room. */
  isUnusable(): boolean
  /** Settles when what came a moment ago is in the store; `undefined` when nothing is on its way there. */
  settled(): Promise<void> | undefined
}

/** The start waits so long, in ms, for what came whole before a crash; questions that come later wait for it within their deadline. */
const finishMs = 5_000
/** Gentle enough for a memory card. */
const scrubBytesPerSecond = 20 * 1024 * 1024

/** Derives from the store and the catalog what is known of the content. */
export async function openContent(
  config: Config,
  {
    opened,
    database,
    running,
    metrics,
    clock,
    log,
  }: {
    opened: OpenedStore
    database: OpenedLedger
    /** What pods run. */
    running: Running
    metrics: Metrics
    clock: Clock
    log: Log
  },
  owned: AsyncDisposableStack,
): Promise<Content> {
  const { store, own, keepsContent, neighbour, minFreeBytes, settled, isUnusable } = opened
  const { quotaBytes, unusedForDays } = config.store
  const { catalog, ledger } = database
  const contents = catalog.load()
  const keepsSecrets = hasPrivate(config)
  const graph = createContentGraph({ store, catalog, log }, { servesUnseen: !keepsSecrets })
  owned.defer(() => graph.close())
  const completeness = createCompleteness({ graph, store, clock }, { platforms: config.platforms })
  owned.defer(() => completeness.close())
  const imagePlatforms = createImagePlatforms(
    { graph, store, catalog, timers: systemTimers, log },
    contents.configs,
  )
  owned.defer(() => imagePlatforms.close())
  const startable = createStartable({ graph, imagePlatforms, completeness }, config)
  await graph.load(contents)
  imagePlatforms.begin()
  if (keepsSecrets) await recoverSightings(graph, store, ledger)
  const finished = finishDownloads({ store: own, sizeOf: graph.sizeOf, log })
  owned.defer(() => finished)
  await pTimeout(finished, { milliseconds: finishMs, fallback: () => undefined })

  const newestUseMs = contents.uses.reduce((newest, use) => Math.max(newest, use.atMs), 0)
  const usageMs = createUsageClock(clock, newestUseMs > 0 ? newestUseMs : undefined)
  const lastUse = createLastUse(
    { store, catalog, treeOf: graph.reachable, nowMs: usageMs },
    contents.uses,
  )
  owned.defer(() => lastUse.close())

  const isComplete = (digest: Digest) => completeness.isComplete(digest)
  const said = createKeepSet({
    book: database.keeps,
    parse: parseImagePattern,
    configured: config.keep.patterns,
    log,
  })
  const keeps = keepRunning(said, running)
  const walk = createLedgerRoots({ ledger, isComplete, keeps, running, clock })
  let keptNow: ReadonlySet<Digest> = new Set()
  async function ledgerRoots(): ReturnType<typeof walk> {
    const roots = await walk()
    keptNow = new Set(roots.images.map(({ digest }) => digest))
    return roots
  }
  const leases = createLeases({ store: own, kept: database.leases, nowMs: usageMs, log })
  let others: Omit<LastCopies, 'answer'> = keepAlone(leases)
  const { platforms } = config
  const protection = protectHere(
    { ledgerRoots, graph, store, isComplete, running },
    { platforms, quotaBytes },
  )

  const collector = createCollector(
    {
      store: own,
      lastUse,
      lastCopies: {
        isLeased: digest => others.isLeased(digest),
        mayLeave: digest => !protection.isNeededHere(digest) && others.mayLeave(digest),
        drop: (...victim) => others.drop(...victim),
      },
      nowMs: usageMs,
      log,
      protectedContent: protection.now,
    },
    { quotaBytes, minFreeBytes, unusedForDays },
  )
  opened.makeRoomBy(collector.makeRoom)
  const scrub = createScrub(
    { store: own, log, nowMs: ledger.trustedNowMs },
    { bytesPerSecond: scrubBytesPerSecond },
  )
  owned.defer(() => scrub.close())
  const upkeep = startUpkeep({
    store: own,
    scrub,
    log,
    collector: countCollections(collector, { metrics, clock }),
  })
  owned.defer(() => upkeep.close())
  if (neighbour !== undefined) {
    const { manifests, configs, sightings } = contents
    const catalogued = [...manifests, ...configs, ...sightings].map(({ digest }) => digest)
    const kept = async () => (await ledgerRoots()).kept
    joinNeighbour(
      neighbour,
      {
        own,
        keepsContent,
        catalogued,
        ledger,
        keeps,
        graph,
        leases,
        kept,
        protectedContent: protection.now,
        log,
      },
      owned,
    )
  }
  return {
    store,
    keepsContent,
    graph,
    completeness,
    imagePlatforms,
    startable,
    lastUse,
    collector,
    scrub,
    upkeep,
    minFreeBytes,
    leases,
    keeps,
    keptImages: async () => (await ledgerRoots()).images,
    keptImagesWith: digest => [digest, ...graph.ancestors(digest)].filter(one => keptNow.has(one)),
    protection,
    neighbour: neighbour?.store.status,
    isUnusable,
    settled,
    leaveTo(nodes) {
      others = nodes
    },
  }
}

/** The last second before a crash is not in the catalog; what tags pointed to is in the ledger, and tells whose content that is. */
async function recoverSightings(
  graph: ContentGraph,
  store: MaintainedStore,
  ledger: TagLedger,
): Promise<void> {
  const isLost = [...store.list()].some(({ digest }) => graph.seenIn(digest).length === 0)
  if (!isLost) return
  for await (const { key, live } of eachTarget(ledger)) {
    if (live !== undefined) graph.addSighting(live, key)
  }
}

/** Counts what collections drop. */
function countCollections(
  collector: Collector,
  { metrics, clock }: { metrics: Metrics; clock: Clock },
): Collector {
  return {
    ...collector,
    async run(options) {
      const startedMs = clock.monotonicMs()
      const result = await collector.run(options)
      if (result.dryRun) return result
      const seconds = (clock.monotonicMs() - startedMs) / 1000
      metrics.collected({ blobs: result.dropped.length, bytes: result.bytes, seconds })
      return result
    },
  }
}

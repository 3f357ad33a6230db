import { mkdir } from 'node:fs/promises'
import { tellFailure } from '../adapters/disk/disk-failure.ts'
import { createHasher } from '../adapters/disk/hasher.ts'
import { openDiskStore } from '../adapters/disk/open-disk-store.ts'
import { readFileSystem } from '../adapters/disk/room.ts'
import type { Config } from '../config/config.ts'
import type { Collector } from '../keep/collect.ts'
import { createEmptyStore } from '../keep/empty-store.ts'
import { uniteStores } from '../keep/unite-stores.ts'
import type { Clock } from '../ports/clock.ts'
import type { MaintainedStore } from '../ports/content-upkeep.ts'
import type { Log } from '../ports/log.ts'
import type { Tracer } from '../ports/tracer.ts'
import { trackCommits } from '../pull/commits.ts'
import { measureStore, type StoreMeter } from '../telemetry/measured-store.ts'
import type { Metrics } from '../telemetry/metrics.ts'
import { traceStore } from '../telemetry/traced.ts'
import { type Neighbour, openNeighbour } from './neighbour.ts'

/** The store, before anything is known of what is in it. */
export interface OpenedStore {
  /** Everything that is held on this node. */
  readonly store: MaintainedStore
  /** What this node keeps itself, and has to look after. */
  readonly own: MaintainedStore
  /** Whether this node keeps content itself; else it passes on whatever its containerd does not hold. */
  readonly keepsContent: boolean
  readonly neighbour: Neighbour | undefined
  readonly minFreeBytes: number
  /** Settles when what came a moment ago is in the store; `undefined` when nothing is on its way there. */
  settled(): Promise<void> | undefined
  /** The store's last write failed, and not for want of room. */
  isUnusable(): boolean
  /** From now on room is made in a full store, as {@link Collector.makeRoom} does. */
  makeRoomBy(makeRoom: Collector['makeRoom']): void
}

interface StoreParts {
  readonly metrics: Metrics
  readonly tracer: Tracer
  readonly clock: Clock
  readonly log: Log
}

/** Opens the store. */
export function openStore(
  config: Config,
  parts: StoreParts,
  owned: AsyncDisposableStack,
): Promise<OpenedStore> {
  return config.store.kind === 'containerd'
    ? openTheirs(config, parts, owned)
    : openOwn(config, parts, owned)
}

/** What containerd holds is all there is. */
async function openTheirs(
  config: Config,
  { clock, log }: StoreParts,
  owned: AsyncDisposableStack,
): Promise<OpenedStore> {
  const hasher = createHasher()
  owned.defer(() => hasher.close())
  const neighbour = await openNeighbour(config, { hasher, clock, log }, owned)
  const own = createEmptyStore()
  return {
    own,
    keepsContent: false,
    store: uniteStores(own, neighbour.store),
    neighbour,
    settled: () => undefined,
    minFreeBytes: 0,
    isUnusable: () => false,
    makeRoomBy() {},
  }
}

/** A disk store, beside what containerd holds where `both` wants it. */
async function openOwn(
  config: Config,
  { metrics, tracer, clock, log }: StoreParts,
  owned: AsyncDisposableStack,
): Promise<OpenedStore> {
  const { dir, quotaBytes } = config.store
  const minFreeBytes = await freeBytesToKeep(config)
  let makeRoom: Collector['makeRoom'] = async () => false
  const hasher = createHasher()
  const disk = await openDiskStore({
    dir,
    hasher,
    log,
    quotaBytes,
    minFreeBytes,
    makeRoom: bytes => makeRoom(bytes),
  })
  owned.defer(() => disk.close())
  const { meter, isUnusable } = watchStore(metrics.store)
  const { store: own, settled } = trackCommits(measureStore(traceStore(disk, tracer), meter))
  const isBeside = config.store.kind === 'both'
  const neighbour = isBeside
    ? await openNeighbour(config, { hasher, clock, log }, owned)
    : undefined
  return {
    own,
    keepsContent: true,
    store: neighbour === undefined ? own : uniteStores(own, neighbour.store),
    neighbour,
    settled,
    minFreeBytes,
    isUnusable,
    makeRoomBy(how) {
      makeRoom = how
    },
  }
}

/** Listens to what the store is told to do: its last write tells whether it can be written. */
function watchStore(meter: StoreMeter): { meter: StoreMeter; isUnusable: () => boolean } {
  let unusable = false
  const operated: StoreMeter['operated'] = (operation, outcome) => {
    meter.operated(operation, outcome)
    const wrote = operation === 'put' || operation === 'commit'
    if (outcome === 'store-unusable') unusable = true
    else if (wrote && outcome === 'ok') unusable = false
  }
  return { meter: { ...meter, operated }, isUnusable: () => unusable }
}

/** `store.minFreeBytes` in bytes: a share is one of the file system that the store lies on. */
async function freeBytesToKeep({ store: { minFreeBytes, dir } }: Config): Promise<number> {
  if (typeof minFreeBytes === 'number') return minFreeBytes
  const { totalBytes } = await tellFailure(measure(dir), `measuring the disk of ${dir}`)
  return Math.floor((totalBytes * minFreeBytes.percent) / 100)
}

async function measure(dir: string): ReturnType<typeof readFileSystem> {
  await mkdir(dir, { recursive: true, mode: 0o700 })
  return readFileSystem(dir)
}

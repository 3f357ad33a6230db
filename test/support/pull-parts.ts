import type { Platform } from '../../src/oci/platform.ts'
import type { Repository } from '../../src/oci/reference.ts'
import type { BlobSource } from '../../src/ports/blob-source.ts'
import { type Clock, systemClock } from '../../src/ports/clock.ts'
import type { BlobReader, ContentStore } from '../../src/ports/content-store.ts'
import type { FailureClass } from '../../src/ports/errors.ts'
import { silentLog } from '../../src/ports/log.ts'
import type { Upstream } from '../../src/ports/upstream.ts'
import { type Absent, isAbsent } from '../../src/pull/absent.ts'
import type { BackgroundPace } from '../../src/pull/background-pace.ts'
import type { FlightSettings } from '../../src/pull/blob-flight.ts'
import type { BlobSources } from '../../src/pull/blob-sources.ts'
import { createCompleteness } from '../../src/pull/completeness.ts'
import { createContentGraph } from '../../src/pull/content-graph.ts'
import { createBlobs } from '../../src/pull/get-blob.ts'
import { createManifests } from '../../src/pull/get-manifest.ts'
import { createUpstreamBlobs } from '../../src/pull/upstream-blobs.ts'
import { createMemoryCatalog } from './memory-catalog.ts'
import { createMemoryStore } from './memory-store.ts'

const settings: FlightSettings = {
  firstByteMs: 5_000,
  stallMs: 5_000,
  holdMs: 5_000,
  keepFetching: true,
}
const linux: Platform = { os: 'linux', architecture: 'amd64' }

/** Everything content is pulled with, wired as the daemon does, over a memory store unless another is given. */
export function openPull(
  upstream: Upstream,
  options: {
    readonly store?: ContentStore
    readonly flights?: Partial<FlightSettings>
    /** Asked before the upstream. */
    readonly peers?: readonly BlobSource[]
    /** Instead of `peers`. */
    readonly sources?: (upstream: BlobSource) => BlobSources
    readonly isPrivate?: (repository: Repository) => boolean
    readonly deadlineMs?: number
    readonly clock?: Clock
    readonly pace?: BackgroundPace | undefined
  } = {},
) {
  const { store = createMemoryStore(), peers = [], isPrivate = () => false } = options
  const { clock = systemClock } = options
  const failed: (readonly [string, FailureClass])[] = []
  const used: string[] = []
  const reachOf = (repository: Repository) => upstream.reach(repository)
  const owner = createUpstreamBlobs(upstream, reachOf)
  const graph = createContentGraph({ store, catalog: createMemoryCatalog(), log: silentLog })
  const completeness = createCompleteness({ graph, store, clock }, { platforms: [linux] })
  const shared = {
    store,
    graph,
    isPrivate,
    onUse: (digest: string) => void used.push(digest),
    log: silentLog,
  }
  const manifests = createManifests(
    { ...shared, clock, upstream, reachOf, onFailed: completeness.markContentFailed },
    { deadlineMs: options.deadlineMs ?? 5_000 },
  )
  const blobs = createBlobs(
    {
      ...shared,
      sources: options.sources?.(owner) ?? {
        upstream: owner,
        hasPeers: () => peers.length > 0,
        find: async () => [...peers, owner],
      },
      onContentFailed(digest, failure) {
        failed.push([digest, failure.code])
        const wasAsked = failure.reason !== 'known-down'
        if (wasAsked && failure.code === 'unreachable') completeness.markContentFailed(digest)
      },
      pace: options.pace,
      clock,
    },
    { ...settings, ...options.flights },
  )
  return {
    store,
    graph,
    completeness,
    manifests,
    blobs,
    reachOf,
    /** Blobs that could not be had, with the class of the failure. */
    failed,
    /** Digests that clients used, in order. */
    used,
    async close(): Promise<void> {
      await blobs.close()
      await manifests.close()
      completeness.close()
      await graph.close()
    },
  }
}

/** What was opened; throws when it is absent. */
export function present<T extends object>(answer: T | Absent): T {
  if (isAbsent(answer)) throw new Error(`absent: ${answer.reason}`)
  return answer
}

/** A client that reads bytes from `start` up to and including `end`, and closes. What it got is in `bytes` even when it fails. */
export function download(blob: BlobReader, { start = 0, end = blob.size - 1 } = {}) {
  const parts: Buffer[] = []
  let length = 0
  const run = async (): Promise<Buffer> => {
    try {
      while (start + length <= end) {
        const into = Buffer.alloc(Math.min(100_000, end + 1 - start - length))
        const count = await blob.read(into, start + length)
        if (count === 0) break
        parts.push(into.subarray(0, count))
        length += count
        for (const look of waiting) look()
      }
      return Buffer.concat(parts)
    } finally {
      await blob.close()
    }
  }
  const waiting = new Set<() => void>()
  const whole = run()
  whole.catch(() => {})
  return {
    whole,
    bytes: () => Buffer.concat(parts),
    /** Settles once so many bytes came. */
    reached: (count: number) =>
      new Promise<void>(resolve => {
        const look = () => length >= count && resolve()
        waiting.add(look)
        look()
      }),
  }
}

/** Timers of the code under test let the process end; a test that only waits for them must not. */
export function stayAlive(t: { teardown(end: () => void): void }): void {
  const timer = setInterval(() => {}, 1_000)
  t.teardown(() => clearInterval(timer))
}

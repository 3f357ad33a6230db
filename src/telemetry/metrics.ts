import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client'
import { dropOutcomes } from '../archive/drop-folder.ts'
import {
  type ClientPath,
  furtherTargets,
  type RequestKind,
  requestKinds,
  type Target,
} from '../ports/mirror-request.ts'
import { resolutionSources } from '../pull/resolution.ts'
import type { ImportMeter } from './measured-imports.ts'
import type { ResolutionMeter } from './measured-resolve-tag.ts'
import type { StoreMeter } from './measured-store.ts'
import type { UpstreamMeter } from './measured-upstream.ts'

/** What a collection of garbage came to. */
export interface CollectionCounts {
  readonly blobs: number
  readonly bytes: number
  readonly seconds: number
}

/** Told by the mirror; the same shape as its observer. */
export interface MirrorMeter {
  answered(kind: RequestKind, status: number): void
  cameBy(target: Target): void
  blobSent(
    source: 'store' | 'upstream' | 'peer' | 'flight',
    outcome: string,
    bytes: number,
    path: ClientPath,
  ): void
}

/** All that is counted, as it happens. Each member fits what it listens to. */
export interface Metrics {
  readonly registry: Registry
  readonly resolutions: ResolutionMeter
  readonly upstream: UpstreamMeter
  readonly store: StoreMeter
  readonly mirror: MirrorMeter
  readonly imports: ImportMeter
  /** Bytes of content that came from another node. */
  receivedFromPeer(bytes: number): void
  collected(counts: CollectionCounts): void
  /** Everything in the Prometheus text format. */
  expose(): Promise<{ readonly contentType: string; readonly text: string }>
}

/** Seconds: from an answer out of memory, over the deadline for clients (1 s), to that for upstreams (10 s). */
const latencyBuckets = [
  0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 1.5, 2.5, 5, 10, 20,
]

/** Seconds since a tag was last confirmed: from a minute over an hour, a day and a week to three months. */
const ageBuckets = [60, 600, 3_600, 21_600, 86_400, 172_800, 604_800, 2_592_000, 7_776_000]

/** How often the event loop's delay is sampled, in ms. The library's 10 would wake an idle node a hundred times a second. */
const loopSampleMs = 100

/**
 * Makes the metrics, in a registry of their own. Names are `holdfast_<thing>_<unit>`, labels come from closed sets: never a repository,
 * tag or digest, and a registry only by a configured name. What is a state and not an event is read when asked, see `watch-node.ts`.
 */
export function createMetrics({ version }: { readonly version: string }): Metrics {
  const registry = new Registry()
  const registers = [registry]
  collectDefaultMetrics({ register: registry, eventLoopMonitoringPrecision: loopSampleMs })

  new Gauge({
    name: 'holdfast_build_info',
    help: 'Always 1; the label tells the version that runs.',
    labelNames: ['version'],
    registers,
  }).set({ version }, 1)
  const resolutions = new Counter({
    name: 'holdfast_resolutions_total',
    help: 'Tags resolved for clients, by who answered (none: a 404) and how upstream failed.',
    labelNames: ['source', 'failure'],
    registers,
  })
  const resolveSeconds = new Histogram({
    name: 'holdfast_resolve_duration_seconds',
    help: 'Time from a question for a tag to its answer, by who answered.',
    labelNames: ['source'],
    buckets: latencyBuckets,
    registers,
  })
  const staleSeconds = new Histogram({
    name: 'holdfast_stale_answer_age_seconds',
    help: 'How long ago the owner of a tag last confirmed what was answered, where it did not do so just now; by who answered.',
    labelNames: ['source'],
    buckets: ageBuckets,
    registers,
  })
  const upstreamRequests = new Counter({
    name: 'holdfast_upstream_requests_total',
    help: 'Questions to upstreams, by what was asked and how it went.',
    labelNames: ['kind', 'outcome'],
    registers,
  })
  const upstreamSeconds = new Histogram({
    name: 'holdfast_upstream_request_duration_seconds',
    help: "Time to an upstream's answer, or to the head of a blob's; failures included.",
    labelNames: ['kind'],
    buckets: latencyBuckets,
    registers,
  })
  const bytes = new Counter({
    name: 'holdfast_bytes_total',
    help: 'Bytes of content: in from upstreams and other nodes; out to clients by where they came from, and by the path of the client: local is by the first endpoint of its hosts.toml, or without one; further is by another.',
    labelNames: ['source', 'direction', 'path'],
    registers,
  })
  const mirrorRequests = new Counter({
    name: 'holdfast_mirror_requests_total',
    help: 'Requests to the mirror, by what they were about and the status they got.',
    labelNames: ['kind', 'status'],
    registers,
  })
  const mirrorTargets = new Counter({
    name: 'holdfast_mirror_target_requests_total',
    help: 'Requests to the mirror that came by another way than the first in hosts.toml, by its place there.',
    labelNames: ['target'],
    registers,
  })
  const blobAnswers = new Counter({
    name: 'holdfast_blob_answers_total',
    help: 'Blob bodies by where they came from and how they ended; client-left is normal with ranges.',
    labelNames: ['source', 'outcome'],
    registers,
  })
  const storeOperations = new Counter({
    name: 'holdfast_store_operations_total',
    help: 'Operations on the content store, by how they went.',
    labelNames: ['operation', 'outcome'],
    registers,
  })
  const storeChanges = new Counter({
    name: 'holdfast_store_changes_total',
    help: 'Blobs that came into the store or left it.',
    labelNames: ['kind'],
    registers,
  })
  const storeChangedBytes = new Counter({
    name: 'holdfast_store_changed_bytes_total',
    help: 'Bytes of blobs that came into the store or left it.',
    labelNames: ['kind'],
    registers,
  })
  const imports = new Counter({
    name: 'holdfast_imports_total',
    help: 'Archives that were imported, or why not.',
    labelNames: ['outcome'],
    registers,
  })
  const importedBytes = new Counter({
    name: 'holdfast_imported_bytes_total',
    help: 'Bytes of content that came with archives and was not here before.',
    registers,
  })
  const droppedFiles = new Counter({
    name: 'holdfast_dropped_files_total',
    help: 'Files of the drop folder that were dealt with; failed ones are tried again.',
    labelNames: ['outcome'],
    registers,
  })
  const collections = new Counter({
    name: 'holdfast_gc_runs_total',
    help: 'Collections of what is needed least.',
    registers,
  })
  const collectedBlobs = new Counter({
    name: 'holdfast_gc_dropped_blobs_total',
    help: 'Blobs and interrupted downloads that collections dropped.',
    registers,
  })
  const collectedBytes = new Counter({
    name: 'holdfast_gc_dropped_bytes_total',
    help: 'Bytes that collections freed.',
    registers,
  })
  const collectionSeconds = new Counter({
    name: 'holdfast_gc_duration_seconds_total',
    help: 'Time spent in collections.',
    registers,
  })

  // What alerts go by is there from the start: Prometheus sees no increase in a series that begins with 1.
  for (const source of resolutionSources) staleSeconds.zero({ source })
  for (const kind of requestKinds) mirrorRequests.inc({ kind, status: 503 }, 0)
  for (const target of furtherTargets) mirrorTargets.inc({ target }, 0)
  for (const outcome of dropOutcomes) droppedFiles.inc({ outcome }, 0)

  return {
    registry,
    resolutions: {
      resolved: (source, failure, seconds) => {
        resolutions.inc({ source, failure })
        resolveSeconds.observe({ source }, seconds)
      },
      answeredStale: (source, ageSeconds) => staleSeconds.observe({ source }, ageSeconds),
    },
    upstream: {
      asked: (kind, outcome, seconds) => {
        upstreamRequests.inc({ kind, outcome })
        upstreamSeconds.observe({ kind }, seconds)
      },
      received: count => bytes.inc({ source: 'upstream', direction: 'in' }, count),
    },
    store: {
      operated: (operation, outcome) => storeOperations.inc({ operation, outcome }),
      changed: (kind, size) => {
        storeChanges.inc({ kind })
        storeChangedBytes.inc({ kind }, size)
      },
    },
    mirror: {
      answered: (kind, status) => mirrorRequests.inc({ kind, status }),
      cameBy: target => mirrorTargets.inc({ target }),
      blobSent: (source, outcome, count, path) => {
        blobAnswers.inc({ source, outcome })
        bytes.inc({ source, direction: 'out', path }, count)
      },
    },
    imports: {
      imported: (outcome, count) => {
        imports.inc({ outcome })
        importedBytes.inc(count)
      },
      dropped: outcome => droppedFiles.inc({ outcome }),
    },
    receivedFromPeer: count => bytes.inc({ source: 'peer', direction: 'in' }, count),
    collected: counts => {
      collections.inc()
      collectedBlobs.inc(counts.blobs)
      collectedBytes.inc(counts.bytes)
      collectionSeconds.inc(counts.seconds)
    },
    expose: async () => ({ contentType: registry.contentType, text: await registry.metrics() }),
  }
}

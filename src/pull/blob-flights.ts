import type { Digest } from '../oci/digest.ts'
import { formatRepository, type Repository } from '../oci/reference.ts'
import type { BlobSource } from '../ports/blob-source.ts'
import type { Clock } from '../ports/clock.ts'
import type { BlobWriter, ContentStore } from '../ports/content-store.ts'
import { UpstreamFailure } from '../ports/errors.ts'
import type { Log } from '../ports/log.ts'
import type { BackgroundPace } from './background-pace.ts'
import { type BlobFlight, createBlobFlight, type FlightSettings } from './blob-flight.ts'
import type { BlobSources } from './blob-sources.ts'
import type { ContentGraph } from './content-graph.ts'
import { levelOfPassing } from './tell-passing.ts'

export interface FlightsParts {
  readonly store: Pick<ContentStore, 'write'>
  readonly graph: Pick<ContentGraph, 'addSighting' | 'sizeOf'>
  readonly sources: BlobSources
  /** By rule; remembers what it worked out. */
  readonly isPrivate: (repository: Repository) => boolean
  /** A blob could not be had; `failure` tells why: with reason `known-down` its owner was not asked. */
  readonly onContentFailed: (digest: Digest, failure: UpstreamFailure) => void
  /** For what no client waits for; absent: no limit. */
  readonly pace?: BackgroundPace | undefined
  readonly clock: Clock
  readonly log: Log
}

interface LaunchOptions {
  readonly isStored: boolean
  /** A client, another node that reads along, or the store, behind all clients. Clients may join any of them. */
  readonly beginsFor: 'client' | 'member' | 'store'
}

/** The downloads under way. */
export interface BlobFlights {
  /**
   * Hands over the flight that this repository's clients may join, with nothing awaited in between, so that two who find none do not both
   * start one. One that is being stopped must end first, as it still has the store's writer.
   */
  withRunning<T>(
    repository: Repository,
    digest: Digest,
    use: (running: BlobFlight | undefined) => Promise<T>,
  ): Promise<T>
  /** Starts a download that later clients join. */
  launch(repository: Repository, digest: Digest, options: LaunchOptions): BlobFlight
  /** Whether another node that was asked to fetch for this one may wait for itself by reading along. */
  waitsForOthers(flight: BlobFlight): boolean
  /** Whether blobs are being downloaded that clients asked for. */
  isBusy(): boolean
  onBusyChange(listener: () => void): () => void
  /** A client joined a flight. */
  tellBusy(): void
  isClosed(): boolean
  close(): Promise<void>
}

/**
 * How long a source that sent wrong bytes is not asked for that blob, ms. The registry's own are mostly the work of something on the
 * way, which may be gone in a moment, and often nobody else can be asked.
 */
const distrustMs = { upstream: 5_000, peer: 60_000 } as const
/** Such sources remembered at the most. */
const maxDistrusted = 1_000

/** One flight per digest; private repositories have their own, so that nobody gets from theirs what is not his. */
export function createBlobFlights(parts: FlightsParts, settings: FlightSettings): BlobFlights {
  const { store, graph, clock, log } = parts
  const joinable = new Map<string, BlobFlight>()
  const flights = new Set<BlobFlight>()
  /** Those that lean on nodes which may lean on this one. */
  const leaning = new Set<BlobFlight>()
  const distrusted = new Map<string, number>()
  const busyListeners = new Set<() => void>()
  let wasBusy = false
  let isClosed = false

  function launch(
    repository: Repository,
    digest: Digest,
    { isStored, beginsFor }: LaunchOptions,
  ): BlobFlight {
    const ending = new AbortController()
    // The first search for sources begins before there is a flight to ask.
    let launched: BlobFlight | undefined
    let isAgain = false
    const isForClients = () => launched?.isForClients() ?? beginsFor === 'client'
    const isHurried = () => launched?.isHurried() ?? beginsFor !== 'store'
    const priority = () => (isHurried() ? 'pull' : 'background')
    const key = keyOf(repository, digest)
    const flight: BlobFlight = createBlobFlight(
      {
        async find() {
          const size = graph.sizeOf(digest)
          // Once a client is there, it is a question of this node's own.
          const isRelayed = beginsFor === 'member' && !isForClients()
          const question = { digest, repository, size, priority, isRelayed, isAgain }
          isAgain = true
          const sources = await parts.sources.find(question, ending.signal)
          if (sources.some(source => source.mayWaitForUs)) leaning.add(flight)
          else leaning.delete(flight)
          return sources
        },
        openWriter: async size => (isStored ? openWriter(digest, size) : undefined),
        isDistrusted: source => (distrusted.get(pair(source, digest)) ?? 0) > clock.monotonicMs(),
        onWrongBytes: source => distrust(source, digest),
        onOpened(source) {
          if (source.kind === 'upstream') graph.addSighting(digest, repository)
        },
        onOver(failure) {
          ending.abort()
          flights.delete(flight)
          leaning.delete(flight)
          if (joinable.get(key) === flight) joinable.delete(key)
          if (failure instanceof UpstreamFailure) parts.onContentFailed(digest, failure)
          tellBusy()
        },
        onLate: () => parts.onContentFailed(digest, late(digest)),
        onLeft: tellBusy,
        pace: parts.pace,
        clock,
        log,
      },
      { digest, repository, size: graph.sizeOf(digest) },
      settings,
    )
    launched = flight
    flights.add(flight)
    joinable.set(key, flight)
    return flight
  }

  /** A store that cannot take a blob is no reason to keep it from a client. */
  async function openWriter(
    digest: Digest,
    size: number | undefined,
  ): Promise<BlobWriter | undefined> {
    try {
      return await store.write(digest, size)
    } catch (err) {
      log[levelOfPassing(err)]({ digest, err }, 'a blob passes through without being stored')
      return undefined
    }
  }

  async function distrust(source: BlobSource, digest: Digest): Promise<void> {
    log.warn(
      { source: source.name, digest },
      'source sent wrong bytes; not asked again for a while',
    )
    const [oldest] = distrusted.keys()
    if (distrusted.size >= maxDistrusted && oldest !== undefined) distrusted.delete(oldest)
    distrusted.set(pair(source, digest), clock.monotonicMs() + distrustMs[source.kind])
    await source.lied?.(digest)
  }

  function tellBusy(): void {
    const isNow = isBusy()
    if (isNow === wasBusy) return
    wasBusy = isNow
    for (const listener of busyListeners) listener()
  }

  function isBusy(): boolean {
    for (const flight of flights) if (flight.isForClients()) return true
    return false
  }

  function keyOf(repository: Repository, digest: Digest): string {
    return parts.isPrivate(repository) ? `${formatRepository(repository)}@${digest}` : digest
  }

  return {
    async withRunning(repository, digest, use) {
      for (;;) {
        const flight = joinable.get(keyOf(repository, digest))
        if (!flight?.isStopping()) return use(flight)
        await flight.ended
      }
    },
    launch,
    waitsForOthers: flight => leaning.has(flight) && !flight.hasProgressed(),
    isBusy,
    onBusyChange(listener) {
      busyListeners.add(listener)
      return () => void busyListeners.delete(listener)
    },
    tellBusy,
    isClosed: () => isClosed,
    async close() {
      isClosed = true
      const running = [...flights]
      for (const flight of running) flight.stop()
      await Promise.all(running.map(flight => flight.ended))
    },
  }
}

const late = (digest: Digest): UpstreamFailure =>
  new UpstreamFailure('unreachable', 'timeout', `${digest}: no byte in time`)

function pair(source: BlobSource, digest: Digest): string {
  return `${source.name}\n${digest}`
}

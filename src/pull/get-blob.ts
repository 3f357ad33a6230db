import type { Digest } from '../oci/digest.ts'
import { formatRepository, type Repository } from '../oci/reference.ts'
import type { BlobSource } from '../ports/blob-source.ts'
import type { Clock } from '../ports/clock.ts'
import type { BlobReader, BlobWriter, ContentStore } from '../ports/content-store.ts'
import { type FailureClass, HoldfastError, UpstreamFailure } from '../ports/errors.ts'
import type { Log } from '../ports/log.ts'
import { type Absent, absent } from './absent.ts'
import { askSize } from './ask-size.ts'
import { notAsked } from './ask-sources.ts'
import {
  type BlobFlight,
  type BlobRange,
  createBlobFlight,
  type FlightSettings,
} from './blob-flight.ts'
import type { ContentGraph } from './content-graph.ts'

/**
 * A blob's bytes, held or still arriving: `read` waits for those that are not here yet, never gives the last byte of what was asked for
 * before the whole blob is verified, and rejects with `blob-interrupted` or `blob-in-doubt`.
 */
export interface OpenedBlob extends BlobReader {
  /** `upstream`: this question started the download; `flight`: it joined a running one. */
  readonly source: 'store' | 'upstream' | 'flight'
}

/**
 * Opens a blob, or a range of it: `start` and `end` are the first and last byte wanted. Settles within the first-byte deadline; rejects
 * only when `signal` (the client's) aborts.
 */
export type OpenBlob = (
  repository: Repository,
  digest: Digest,
  options: {
    readonly start?: number | undefined
    readonly end?: number | undefined
    readonly signal: AbortSignal
  },
) => Promise<OpenedBlob | Absent>

/** A blob's size in bytes, without fetching it. */
export type StatBlob = (
  repository: Repository,
  digest: Digest,
  signal: AbortSignal,
) => Promise<{ readonly size: number; readonly source: OpenedBlob['source'] } | Absent>

/** Blobs by digest. */
export interface Blobs {
  readonly open: OpenBlob
  readonly stat: StatBlob
  /**
   * Fetches a blob into the store behind all clients; `undefined` once it is held. When `signal` aborts the download is suspended,
   * unless a client has joined it.
   */
  fetch(repository: Repository, digest: Digest, signal: AbortSignal): Promise<Absent | undefined>
  /** Whether blobs are being downloaded that clients asked for. */
  isBusy(): boolean
  /** Calls back when that changes. */
  onBusyChange(listener: () => void): () => void
  /** Suspends what is under way. */
  close(): Promise<void>
}

interface Parts {
  readonly store: Pick<ContentStore, 'stat' | 'open' | 'write'>
  readonly graph: ContentGraph
  /** Asked in order. */
  readonly sources: readonly BlobSource[]
  /** By rule; remembers what it worked out. */
  readonly isPrivate: (repository: Repository) => boolean
  /** A blob could not be had; `failure` tells why. */
  readonly onContentFailed: (digest: Digest, failure: FailureClass) => void
  /** A client used this content. */
  readonly onUse: (digest: Digest) => void
  readonly clock: Clock
  readonly log: Log
}

/** How long a source that sent wrong bytes is not asked for that blob, ms. */
const distrustMs = 60_000
/** Such sources remembered at the most. */
const maxDistrusted = 1_000

/** Store, then the sources. One flight per digest is shared by all readers; private repositories have their own. */
export function createBlobs(parts: Parts, settings: FlightSettings): Blobs {
  const { store, graph, clock, log } = parts
  /** The flight that new readers join. */
  const joinable = new Map<string, BlobFlight>()
  const flights = new Set<BlobFlight>()
  const distrusted = new Map<string, number>()
  const busyListeners = new Set<() => void>()
  let wasBusy = false

  function launch(
    key: string,
    repository: Repository,
    digest: Digest,
    isStorable: boolean,
  ): BlobFlight {
    const flight: BlobFlight = createBlobFlight(
      {
        sources: parts.sources,
        openWriter: size => (isStorable ? openWriter(digest, size) : Promise.resolve(undefined)),
        isDistrusted: source => (distrusted.get(pair(source, digest)) ?? 0) > clock.monotonicMs(),
        onWrongBytes: source => distrust(source, digest),
        onOpened(source) {
          if (source.kind === 'upstream') graph.addSighting(digest, repository)
        },
        onOver(failure) {
          flights.delete(flight)
          if (joinable.get(key) === flight) joinable.delete(key)
          if (failure instanceof UpstreamFailure) parts.onContentFailed(digest, failure.code)
          tellBusy()
        },
        clock,
        log,
      },
      { digest, repository, size: graph.sizeOf(digest) },
      settings,
    )
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
      const full = err instanceof HoldfastError && err.code === 'store-full'
      log[full ? 'info' : 'warn']({ digest, err }, 'a blob passes through without being stored')
      return undefined
    }
  }

  function distrust(source: BlobSource, digest: Digest): void {
    log.warn(
      { source: source.name, digest },
      'source sent wrong bytes; not asked again for a while',
    )
    const [oldest] = distrusted.keys()
    if (distrusted.size >= maxDistrusted && oldest !== undefined) distrusted.delete(oldest)
    distrusted.set(pair(source, digest), clock.monotonicMs() + distrustMs)
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

  /** Nobody gets from a private repository's flight what is not his. */
  function keyOf(repository: Repository, digest: Digest): string {
    return parts.isPrivate(repository) ? `${formatRepository(repository)}@${digest}` : digest
  }

  function isReachable(repository: Repository): boolean {
    return parts.sources.some(source => source.reach(repository).state === 'reachable')
  }

  function refuse(repository: Repository, digest: Digest): Absent | undefined {
    if (graph.manifest(digest) !== undefined) return absent(`${digest} is a manifest, not a blob`)
    const isServed = graph.isServedUnder(digest, repository, parts.isPrivate)
    if (store.stat(digest) === undefined || isServed) return undefined
    return absent(`${digest} was never seen in ${formatRepository(repository)}`)
  }

  function whyNotAsked(repository: Repository, digest: Digest): Absent | undefined {
    if (isReachable(repository)) return undefined
    const { message, code } = notAsked(parts.sources, digest, repository)
    return absent(message, code)
  }

  async function fromStore(digest: Digest): Promise<OpenedBlob | undefined> {
    if (store.stat(digest) === undefined) return undefined
    const reader = await store.open(digest)
    return reader && withSource(reader, 'store')
  }

  async function fromFlight(
    repository: Repository,
    digest: Digest,
    range: BlobRange,
    signal: AbortSignal,
  ): Promise<OpenedBlob | Absent> {
    const key = keyOf(repository, digest)
    const running = joinable.get(key)
    const joined = running?.canServe(range.start) ? running : undefined
    const why = joined === undefined ? whyNotAsked(repository, digest) : undefined
    if (why !== undefined) return why
    const isServed = graph.isServedUnder(digest, repository, parts.isPrivate)
    // What others' private downloads left behind is not continued for whoever may not have it.
    const flight = joined ?? launch(key, repository, digest, isServed && running === undefined)
    const joining = flight.join(range, signal)
    tellBusy()
    const reader = await joining
    if ('absent' in reader) return reader
    return withSource(reader, joined === undefined ? 'upstream' : 'flight')
  }

  return {
    async open(repository, digest, { start = 0, end, signal }) {
      const refusal = refuse(repository, digest)
      if (refusal !== undefined) return refusal
      const opened =
        (await fromStore(digest)) ?? (await fromFlight(repository, digest, { start, end }, signal))
      if (!('absent' in opened)) parts.onUse(digest)
      return opened
    },
    async stat(repository, digest, signal) {
      const refusal = refuse(repository, digest)
      if (refusal !== undefined) return refusal
      const held = store.stat(digest)
      if (held !== undefined) return { size: held.size, source: 'store' }
      const flying = joinable.get(keyOf(repository, digest))?.size()
      if (flying !== undefined) return { size: flying, source: 'flight' }
      const why = whyNotAsked(repository, digest)
      if (why !== undefined) return why
      const known = graph.sizeOf(digest)
      if (known !== undefined) return { size: known, source: 'upstream' }
      const asked = await askSize(parts.sources, repository, digest, settings.firstByteMs, signal)
      return typeof asked === 'number' ? { size: asked, source: 'upstream' } : asked
    },
    async fetch(repository, digest, signal) {
      const refusal = refuse(repository, digest)
      if (refusal !== undefined || store.stat(digest) !== undefined) return refusal
      const key = keyOf(repository, digest)
      const running = joinable.get(key)
      const why = running === undefined ? whyNotAsked(repository, digest) : undefined
      if (why !== undefined) return why
      return (running ?? launch(key, repository, digest, true)).want(signal)
    },
    isBusy,
    onBusyChange(listener) {
      busyListeners.add(listener)
      return () => void busyListeners.delete(listener)
    },
    async close() {
      const running = [...flights]
      for (const flight of running) flight.stop()
      await Promise.all(running.map(flight => flight.ended))
    },
  }
}

function pair(source: BlobSource, digest: Digest): string {
  return `${source.name}\n${digest}`
}

function withSource(reader: BlobReader, source: OpenedBlob['source']): OpenedBlob {
  return {
    source,
    get size() {
      return reader.size
    },
    read: (into, position) => reader.read(into, position),
    close: () => reader.close(),
  }
}

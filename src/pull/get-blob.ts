import type { Digest } from '../oci/digest.ts'
import { formatRepository, type Repository } from '../oci/reference.ts'
import type { BlobReader, ContentStore } from '../ports/content-store.ts'
import type { PeerPriority } from '../ports/peer-port.ts'
import { type Absent, absent, isAbsent } from './absent.ts'
import { askSize } from './ask-size.ts'
import { notAsked } from './ask-sources.ts'
import type { BlobFlight, BlobRange, FlightSettings } from './blob-flight.ts'
import { type BlobFlights, createBlobFlights, type FlightsParts } from './blob-flights.ts'
import type { ContentGraph } from './content-graph.ts'
import { inTime } from './owner-rung.ts'
import { readEarly } from './read-early.ts'

/**
 * A blob's bytes, held or still arriving: `read` waits for those that are not here yet, never gives the last byte of what was asked for
 * before the whole blob is verified, and rejects with `blob-interrupted` or `blob-in-doubt`.
 */
export interface OpenedBlob extends BlobReader {
  /** `upstream`, `peer`: this question started the download, and it began there; `flight`: it joined a running one. */
  readonly source: 'store' | 'upstream' | 'peer' | 'flight'
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

type OpenForPeer = (
  repository: Repository,
  digest: Digest,
  options: {
    readonly start: number
    readonly end: number | undefined
    readonly isRelayed: boolean
    readonly priority: PeerPriority
    readonly signal: AbortSignal
  },
) => Promise<BlobReader | Absent>

/** A blob's size in bytes, without fetching it. */
export type StatBlob = (
  repository: Repository,
  digest: Digest,
  signal: AbortSignal,
) => Promise<{ readonly size: number; readonly source: OpenedBlob['source'] } | Absent>

/** Blobs by digest. */
export interface Blobs extends Pick<BlobFlights, 'isBusy' | 'onBusyChange'> {
  readonly open: OpenBlob
  readonly stat: StatBlob
  /**
   * Opens a blob for another node: from the store or, where that node has it fetched (`isRelayed`), from a download; never from one that
   * may wait for that node in turn.
   */
  readonly openForPeer: OpenForPeer
  /**
   * Fetches a blob into the store behind all clients; `undefined` once it is held. When `signal` aborts the download is suspended,
   * unless a client has joined it.
   */
  fetch(repository: Repository, digest: Digest, signal: AbortSignal): Promise<Absent | undefined>
  /** Suspends what is under way. */
  close(): Promise<void>
}

/** What is verified in this time, ms, is verified before its first byte: if it is damaged, nobody has begun with it. */
const verifiedWithinMs = 1_000

interface Parts extends FlightsParts {
  readonly store: Pick<ContentStore, 'stat' | 'open' | 'openEarly' | 'write' | 'partial'>
  readonly graph: ContentGraph
  /** A client used this content. */
  readonly onUse: (digest: Digest) => void
}

/** Store, then the sources, in flights that are shared by all readers. */
export function createBlobs(parts: Parts, settings: FlightSettings): Blobs {
  const { store, graph } = parts
  const flights = createBlobFlights(parts, settings)

  function isServed(repository: Repository, digest: Digest): boolean {
    return graph.isServedUnder(digest, repository, parts.isPrivate)
  }

  function refuse(repository: Repository, digest: Digest): Absent | undefined {
    if (graph.manifest(digest) !== undefined) return absent(`${digest} is a manifest, not a blob`)
    if (store.stat(digest) === undefined || isServed(repository, digest)) return undefined
    return absent(`${digest} was never seen in ${formatRepository(repository)}`)
  }

  function whyNotAsked(repository: Repository, digest: Digest): Absent | undefined {
    if (flights.isClosed()) return absent(`${digest}: shutting down`)
    const { upstream, hasPeers } = parts.sources
    const { state } = upstream.reach(repository)
    if (state === 'reachable' || (state === 'down' && hasPeers())) return undefined
    const { message, code } = notAsked([upstream], digest, repository)
    return absent(message, code)
  }

  async function fromStore(
    digest: Digest,
    range: BlobRange,
    signal: AbortSignal,
  ): Promise<OpenedBlob | undefined> {
    if (store.stat(digest) === undefined) return undefined
    const reader = await openHeld(digest, range, signal)
    return reader && withSource(reader, 'store')
  }

  /** To verify a blob that was touched takes as long as reading it: of a large one on a slow disk clients get bytes meanwhile. */
  async function openHeld(
    digest: Digest,
    range: BlobRange,
    signal: AbortSignal,
  ): Promise<BlobReader | undefined> {
    if (store.openEarly === undefined) return store.open(digest)
    const opened = await store.openEarly(digest)
    if (opened?.verified === undefined) return opened?.reader
    const { reader, verified } = opened
    try {
      const verdict = await inTime(verified, verifiedWithinMs, signal)
      if (verdict === true) return reader
      if (verdict === undefined) {
        const { clock } = parts
        const { holdMs } = settings
        return readEarly(digest, { reader, verified }, range, { holdMs, clock, signal })
      }
    } catch (error) {
      await reader.close()
      throw error
    }
    await reader.close()
    return undefined
  }

  function fromFlight(
    repository: Repository,
    digest: Digest,
    range: BlobRange,
    signal: AbortSignal,
  ): Promise<OpenedBlob | Absent> {
    return flights.withRunning(repository, digest, async running => {
      if (running?.canServe(range.start)) return join(running, 'flight')
      const why = whyNotAsked(repository, digest)
      if (why !== undefined) return why
      // What others' private downloads left behind is not continued for whoever may not have it.
      const mayContinue = store.partial(digest) === 0 || isServed(repository, digest)
      const isStored = running === undefined && mayContinue
      return join(flights.launch(repository, digest, { isStored, beginsFor: 'client' }))
    })

    async function join(flight: BlobFlight, source?: 'flight'): Promise<OpenedBlob | Absent> {
      const joining = flight.join(range, signal)
      flights.tellBusy()
      const reader = await joining
      if (isAbsent(reader)) return reader
      return withSource(reader, source ?? flight.sender() ?? 'upstream')
    }
  }

  function relay(
    repository: Repository,
    digest: Digest,
    range: BlobRange,
    priority: PeerPriority,
    signal: AbortSignal,
  ): Promise<BlobReader | Absent> {
    return flights.withRunning(repository, digest, async running => {
      const flight = running ?? launchRelayed(repository, digest)
      return flight?.canServe(range.start) && !flights.waitsForOthers(flight)
        ? flight.readAlong(range, priority, signal)
        : absent(`${digest} is not to be had here`)
    })
  }

  function launchRelayed(repository: Repository, digest: Digest): BlobFlight | undefined {
    const { state } = parts.sources.upstream.reach(repository)
    if (flights.isClosed() || state !== 'reachable') return undefined
    const isStored = store.partial(digest) === 0 || isServed(repository, digest)
    return flights.launch(repository, digest, { isStored, beginsFor: 'member' })
  }

  async function statElsewhere(
    repository: Repository,
    digest: Digest,
    signal: AbortSignal,
  ): ReturnType<StatBlob> {
    const why = whyNotAsked(repository, digest)
    if (why !== undefined) return why
    const priority = () => 'pull' as const
    const find = () =>
      parts.sources.find(
        { digest, repository, size: undefined, priority, isRelayed: false },
        signal,
      )
    // A private manifest's word is for its own repository.
    const told = isServed(repository, digest) ? graph.sizeOf(digest) : undefined
    const size = told ?? (await askSize(find, repository, digest, settings.firstByteMs, signal))
    return typeof size === 'number' ? { size, source: 'upstream' } : size
  }

  return {
    async open(repository, digest, { start = 0, end, signal }) {
      const refusal = refuse(repository, digest)
      if (refusal !== undefined) return refusal
      const range = { start, end }
      const opened =
        (await fromStore(digest, range, signal)) ??
        (await fromFlight(repository, digest, range, signal))
      if (!isAbsent(opened)) parts.onUse(digest)
      return opened
    },
    async openForPeer(repository, digest, { isRelayed, priority, signal, ...range }) {
      const refusal = refuse(repository, digest)
      if (refusal !== undefined) return refusal
      const held = store.stat(digest) && (await store.open(digest))
      if (held !== undefined) return held
      return isRelayed
        ? relay(repository, digest, range, priority, signal)
        : absent(`${digest} is not held`)
    },
    async stat(repository, digest, signal) {
      const refusal = refuse(repository, digest)
      if (refusal !== undefined) return refusal
      const held = store.stat(digest)
      if (held !== undefined) return { size: held.size, source: 'store' }
      return flights.withRunning(repository, digest, async running => {
        const size = running?.size()
        if (size !== undefined) return { size, source: 'flight' }
        return statElsewhere(repository, digest, signal)
      })
    },
    async fetch(repository, digest, signal) {
      const refusal = refuse(repository, digest)
      if (refusal !== undefined || store.stat(digest) !== undefined) return refusal
      return flights.withRunning(repository, digest, async running => {
        const why = running === undefined ? whyNotAsked(repository, digest) : undefined
        if (why !== undefined) return why
        const launched = () =>
          flights.launch(repository, digest, { isStored: true, beginsFor: 'store' })
        return (running ?? launched()).want(signal)
      })
    },
    isBusy: flights.isBusy,
    onBusyChange: flights.onBusyChange,
    close: flights.close,
  }
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

import { LRUCache } from 'lru-cache'
import pTimeout from 'p-timeout'
import type { Digest } from '../oci/digest.ts'
import { maxManifestBytes } from '../oci/manifest.ts'
import { formatRepository, type Repository } from '../oci/reference.ts'
import type { Clock } from '../ports/clock.ts'
import type { ContentStore } from '../ports/content-store.ts'
import type { Log } from '../ports/log.ts'
import type { NodeId } from '../ports/node-id.ts'
import type { Target } from '../ports/tag-ledger.ts'
import { type Absent, absent, isAbsent } from './absent.ts'
import { type AskManifestParts, createAskManifest } from './ask-manifest.ts'
import type { ContentGraph } from './content-graph.ts'
import type { GetManifest, GotManifest } from './got-manifest.ts'
import { childrenOf } from './manifest-edges.ts'
import type { HolderHint } from './peer-manifests.ts'
import { levelOfPassing } from './tell-passing.ts'

/** Manifests by digest, and what keeps the ones that came by another way. */
export interface Manifests {
  readonly get: GetManifest
  /** Fetches a manifest into the store, for no client; `undefined` once it is held or cannot be stored. */
  fetch(repository: Repository, digest: Digest, signal: AbortSignal): Promise<Absent | undefined>
  /** For another node: from the store or the registry, never from a third node. */
  readonly getForPeer: GetManifest
  /** What came, verified, and is not in the store: not yet, or not for want of room. */
  unstored(digest: Digest): GotManifest | undefined
  /**
   * Makes a manifest known from the node that has just named it; `undefined` when that does not deliver it. A client waits for it, and not for
   * the disk: it is stored behind.
   */
  getFrom(
    repository: Repository,
    digest: Digest,
    from: NodeId,
    signal: AbortSignal,
  ): Promise<Target | undefined>
  /**
   * Makes a manifest known from other nodes, and stores it where there is room; `undefined` when none delivers it.
   *
   * @param hint who may have it before the index is told
   */
  fetchFromPeers(
    repository: Repository,
    digest: Digest,
    signal: AbortSignal,
    hint?: HolderHint,
  ): Promise<Target | undefined>
  /** Stores a manifest that came, verified, with another answer of this repository's registry. Throws `OciError` when it is none. */
  keep(repository: Repository, digest: Digest, mediaType: string, bytes: Buffer): Promise<Target>
  /** Ends the running flights. */
  close(): Promise<void>
}

interface Parts extends AskManifestParts {
  readonly store: Pick<ContentStore, 'get' | 'put' | 'stat'>
  readonly graph: ContentGraph
  /** By rule; remembers what it worked out. */
  readonly isPrivate: (repository: Repository) => boolean
  /** A client used this content. */
  readonly onUse: (digest: Digest) => void
  readonly clock: Pick<Clock, 'monotonicMs'>
  readonly log: Log
}

/** Bytes of manifests kept in memory, so that the popular ones are not read and hashed for every pull. */
const maxBytesAtHand = 4 * 1024 * 1024
/** What could not be stored stays at hand for the rest of the pull that it came with, ms: a client asks for the tag's digest next. */
const passingMs = 600_000
/** A question that is silent for longer is not the only one, ms: it may hang in an outage that is over, and asking is cheap. */
const joinableMs = 2_000

interface Flight {
  readonly answer: Promise<GotManifest | Absent>
  /** Settles after `answer`, when the bytes are stored or will not be. */
  readonly ended: Promise<void>
  /** It is not answered, and should have been. */
  isOverdue(): boolean
}

/**
 * Store, then other nodes, then upstream. One flight per digest is shared by all who ask (a private repository has its own, so that nobody gets from it
 * what is not his); it is the daemon's and goes on when clients leave. Clients are answered when the bytes are verified; making them
 * durable goes on behind.
 *
 * @param settings.deadlineMs the client's wait, which ends in {@link Absent}
 */
export function createManifests(
  parts: Parts,
  settings: { readonly deadlineMs: number },
): Manifests {
  const { store, graph, clock, log } = parts
  /** The newest of each digest. */
  const flights = new Map<string, Flight>()
  const running = new Set<Promise<void>>()
  /** Read and verified lately. Whether they are still held is asked of the store each time. */
  const atHand = new LRUCache<Digest, GotManifest>({
    maxSize: maxBytesAtHand,
    sizeCalculation: ({ bytes }) => bytes.byteLength + 1,
  })
  /** Came, verified, and is being stored. */
  const storing = new Map<Digest, { readonly got: GotManifest; readonly ended: Promise<void> }>()
  /** Came, verified, and could not be stored. */
  const passing = new LRUCache<Digest, GotManifest>({
    maxSize: maxBytesAtHand,
    sizeCalculation: ({ bytes }) => bytes.byteLength + 1,
    ttl: passingMs,
  })
  const closing = new AbortController()
  const asking = createAskManifest(parts, closing)

  async function fromStore(digest: Digest): Promise<GotManifest | Absent | undefined> {
    if (store.stat(digest) === undefined) return unstored(digest)
    passing.delete(digest)
    const known = atHand.get(digest)
    if (known !== undefined) return known
    const bytes = await store.get(digest, maxManifestBytes)
    const got = bytes && asking.read(digest, bytes, undefined, 'store')
    if (got !== undefined && 'bytes' in got) atHand.set(digest, got)
    return got
  }

  function launch(key: string, repository: Repository, digest: Digest): Flight {
    const answer = asking.all(repository, digest)
    const overdueMs = clock.monotonicMs() + joinableMs
    let hasAnswer = false
    const stored = answer.then(async got => {
      hasAnswer = true
      if ('bytes' in got) await put(got)
    })
    const ended = stored
      .catch(() => {})
      .finally(() => {
        running.delete(ended)
        if (flights.get(key) === flight) flights.delete(key)
      })
    const isOverdue = () => !hasAnswer && clock.monotonicMs() >= overdueMs
    const flight: Flight = { answer, ended, isOverdue }
    running.add(ended)
    flights.set(key, flight)
    return flight
  }

  /** Whoever has it already does not wait; closing does. Never rejects. */
  function put(got: GotManifest): Promise<void> {
    const { digest } = got
    const ended = write(got).finally(() => {
      running.delete(ended)
      if (storing.get(digest)?.ended === ended) storing.delete(digest)
    })
    running.add(ended)
    storing.set(digest, { got, ended })
    return ended
  }

  async function write(got: GotManifest): Promise<void> {
    const { digest, bytes } = got
    try {
      await store.put(digest, bytes)
    } catch (err) {
      passing.set(digest, got)
      log[levelOfPassing(err)]({ digest, err }, 'a manifest passes through without being stored')
    }
  }

  const unstored = (digest: Digest): GotManifest | undefined =>
    storing.get(digest)?.got ?? passing.get(digest)

  function hasPeers(): boolean {
    return parts.peers?.hasPeers() ?? false
  }

  /** A client that has a manifest wants what it names next. */
  function foresee(digest: Digest): void {
    const content = graph.manifest(digest)?.content
    if (content === undefined || !hasPeers()) return
    const named = childrenOf(content).map(child => child.digest)
    parts.peers?.foresee(named.filter(child => store.stat(child) === undefined))
  }

  /** What was seen only in others' private repositories is asked for anew: this repository may have it, too. */
  async function held(
    repository: Repository,
    digest: Digest,
  ): Promise<GotManifest | Absent | undefined> {
    const isServed = graph.isServedUnder(digest, repository, parts.isPrivate)
    return isServed ? fromStore(digest) : undefined
  }

  function join(repository: Repository, digest: Digest): Flight | Absent {
    const key = parts.isPrivate(repository) ? `${formatRepository(repository)}@${digest}` : digest
    const flight = flights.get(key)
    if (flight?.isOverdue() === false) return flight
    const why = asking.whyNot(repository)
    const mayPeersHaveIt = parts.reachOf(repository).state !== 'unconfigured' && hasPeers()
    if (why === undefined || mayPeersHaveIt) return launch(key, repository, digest)
    return flight ?? why
  }

  async function ask(
    repository: Repository,
    digest: Digest,
    signal: AbortSignal,
  ): Promise<GotManifest | Absent> {
    const flight = join(repository, digest)
    if (isAbsent(flight)) return flight
    return pTimeout(flight.answer, {
      milliseconds: settings.deadlineMs,
      signal,
      fallback: () => absent(`${digest}: late; still being fetched`, 'unreachable'),
    })
  }

  async function get(
    repository: Repository,
    digest: Digest,
    signal: AbortSignal,
  ): Promise<GotManifest | Absent> {
    const got = (await held(repository, digest)) ?? (await ask(repository, digest, signal))
    if (isAbsent(got)) return got
    parts.onUse(digest)
    foresee(digest)
    return got
  }

  /** What is known from here or from other nodes, and when it is in the store. */
  async function learn(
    repository: Repository,
    digest: Digest,
    signal: AbortSignal,
    hint: HolderHint | undefined,
  ): Promise<{ readonly target: Target; readonly stored: Promise<void> | undefined } | undefined> {
    const ends = AbortSignal.any([signal, closing.signal])
    const known = await held(repository, digest)
    const asked = { ...hint, isLastResort: true }
    const got = known ?? (await asking.peers(repository, digest, ends, asked))
    if (got === undefined || isAbsent(got)) return undefined
    const stored = known === undefined ? put(got) : storing.get(digest)?.ended
    const { mediaType, bytes } = got
    return { target: { digest, mediaType, size: bytes.byteLength }, stored }
  }

  return {
    get,
    async fetch(repository, digest, signal) {
      const storedSoon = storing.get(digest)?.ended
      if (storedSoon !== undefined) await whenever(storedSoon, signal)
      if (store.stat(digest) !== undefined) return undefined
      const flight = join(repository, digest)
      if (isAbsent(flight)) return flight
      const answer = flight.ended.then(() => flight.answer)
      const got = await whenever(answer, signal)
      return isAbsent(got) ? got : undefined
    },
    async getForPeer(repository, digest, signal) {
      // A node that reaches the registry has nobody else fetch for it.
      const got = (await held(repository, digest)) ?? asking.whyNot(repository)
      return got ?? ask(repository, digest, signal)
    },
    unstored,
    getFrom: async (repository, digest, from, signal) =>
      (await learn(repository, digest, signal, { from }))?.target,
    async fetchFromPeers(repository, digest, signal, hint) {
      const learned = await learn(repository, digest, signal, hint)
      await learned?.stored
      return learned?.target
    },
    async keep(repository, digest, mediaType, bytes) {
      graph.addSighting(digest, repository)
      const known = graph.learn(digest, mediaType, bytes)
      await put({ digest, mediaType: known.mediaType, bytes, source: 'upstream' })
      return { digest, mediaType: known.mediaType, size: bytes.byteLength }
    },
    async close() {
      closing.abort()
      await Promise.all(running)
    },
  }
}

/** However long it takes, unless the one who waits goes. */
const whenever = <T>(work: Promise<T>, signal: AbortSignal): Promise<T> =>
  pTimeout(work, { milliseconds: Number.POSITIVE_INFINITY, signal })

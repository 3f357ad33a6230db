import type { Digest } from '../oci/digest.ts'
import { digestAlgorithm, digestOf } from '../oci/digest.ts'
import { maxManifestBytes } from '../oci/manifest.ts'
import type { Repository } from '../oci/reference.ts'
import type { Clock } from '../ports/clock.ts'
import type { Holders } from '../ports/holders.ts'
import { isAnyoneThere, type Members } from '../ports/members.ts'
import type { NodeId } from '../ports/node-id.ts'
import { type PeerClient, PeerFailure, type PeerManifest } from '../ports/peer-port.ts'
import { askInTurn } from './ask-in-turn.ts'
import type { PeerBook } from './peer-book.ts'
import type { ReachOf } from './reach-of.ts'
import {
  decodeRelayed,
  encodeManifestQuestion,
  maxRelayedBytes,
  relaySubject,
} from './relay-manifest.ts'
import type { RelaysFor } from './relays.ts'

/** Who may have something before the index is told of it, and how much is at stake. */
export interface HolderHint {
  /** It said so a moment ago, and is asked alone. */
  readonly from?: NodeId
  /** It observed the digest, and is asked together with the index. */
  readonly saidBy?: NodeId | undefined
  /**
   * The registry is not going to be asked, whether or not it is known to be down by now: who is slow to say what it holds is waited for.
   */
  readonly isLastResort?: boolean
}

/** Manifests that other nodes hold. */
export interface PeerManifests {
  /** Whether other nodes can be asked now. */
  hasPeers(): boolean
  /**
   * A manifest whose bytes hash to the digest, from who holds it or, while the registry is not to be reached from here, fetched there by
   * another node; `undefined` when no node delivers it soon. Never rejects.
   *
   * @param hint who may have it before the index is told
   */
  fetch(
    repository: Repository,
    digest: Digest,
    signal: AbortSignal,
    hint?: HolderHint,
  ): Promise<PeerManifest | undefined>
  /** Has another node fetch it from the registry, which this one asked in vain; `undefined` when none delivers it. Never rejects. */
  relay(
    repository: Repository,
    digest: Digest,
    signal: AbortSignal,
  ): Promise<PeerManifest | undefined>
  /** These will be asked for next: who holds them is looked up before. */
  foresee(digests: readonly Digest[]): void
}

interface Parts {
  readonly members: Pick<Members, 'all' | 'alive'>
  readonly holders: Holders
  readonly client: Pick<PeerClient, 'getManifest' | 'call'>
  readonly relaysFor: RelaysFor
  readonly reachOf: ReachOf
  readonly book: PeerBook
  readonly clock: Pick<Clock, 'monotonicMs'>
}

/** Holders asked for one manifest at the most, one after the other. */
const maxAsked = 3
/** How long nodes are waited for that are slow to say what they hold, ms: where another may fetch it, and where no client waits for it. */
const momentMs = 500
const longestMs = 10_000
/** No client names more than this at once. */
const maxForeseen = 256

/**
 * @param settings.eachMs how long one holder may take before the next is asked. `settings.patientMs`: how long it is waited for where nobody
 * else can be asked. `settings.relayMs`: the same where it has to ask the registry. `settings.signal`: ends what is looked up ahead
 */
export function createPeerManifests(
  parts: Parts,
  settings: {
    readonly eachMs: number
    readonly patientMs: number
    readonly relayMs: number
    readonly signal: AbortSignal
  },
): PeerManifests {
  const { members, holders, client, book, clock } = parts
  const hasPeers = (): boolean => isAnyoneThere(members, clock.monotonicMs())

  async function ask(
    id: NodeId,
    repository: Repository,
    digest: Digest,
    timeoutMs: number,
    signal: AbortSignal,
  ): Promise<PeerManifest | undefined> {
    const askedAtMs = clock.monotonicMs()
    try {
      const options = { signal, timeoutMs, maxBytes: maxManifestBytes }
      const got = await client.getManifest(id, digest, repository, options)
      book.began(id, clock.monotonicMs() - askedAtMs)
      if (digestOf(got.bytes, digestAlgorithm(digest)) === digest) return got
      holders.lied(id, digest)
    } catch (error) {
      if (!signal.aborted) noteFailure(id, digest, error)
    }
    return undefined
  }

  async function holding(
    digest: Digest,
    signal: AbortSignal,
    how: { readonly patienceMs: number; readonly saidBy: NodeId | undefined },
  ): Promise<readonly NodeId[]> {
    const found = await holders.find([digest], signal, how)
    return book.order(found.get(digest) ?? []).slice(0, maxAsked)
  }

  async function relay(
    repository: Repository,
    digest: Digest,
    signal: AbortSignal,
  ): Promise<PeerManifest | undefined> {
    const question = encodeManifestQuestion(repository, digest)
    const ask = async (id: NodeId, ends: AbortSignal) => {
      const got = await askRelay(id, question, ends)
      return got && digestOf(got.bytes, digestAlgorithm(digest)) === digest ? got : undefined
    }
    const ids = parts.relaysFor(repository, digest, { hasFailed: true })
    return askInTurn(ids, { ask, lateAfterMs: book.silentAfterMs }, signal)
  }

  async function askRelay(
    id: NodeId,
    question: Uint8Array,
    signal: AbortSignal,
  ): Promise<PeerManifest | undefined> {
    const options = { signal, timeoutMs: settings.relayMs, maxBytes: maxRelayedBytes }
    try {
      return decodeRelayed(await client.call(id, relaySubject, question, options))
    } catch (error) {
      if (!signal.aborted && !(error instanceof PeerFailure)) throw error
      return undefined
    }
  }

  function noteFailure(id: NodeId, digest: Digest, error: unknown): void {
    if (!(error instanceof PeerFailure)) throw error
    if (error.code === 'absent') holders.lacks(id, digest)
    else book.failed(id)
  }

  /** Who is slow to say what it holds is waited for where nobody else can be asked, and for less where another may fetch it. */
  function patienceWith(repository: Repository, digest: Digest, hint: HolderHint): number {
    const isDown = parts.reachOf(repository).state !== 'reachable'
    const hasRelays = isDown && parts.relaysFor(repository, digest).length > 0
    if (hint.isLastResort === true) return hasRelays ? settings.patientMs : longestMs
    if (!isDown) return 0
    return hasRelays ? momentMs : settings.patientMs
  }

  return {
    hasPeers,
    async fetch(repository, digest, signal, hint = {}) {
      if (!hasPeers()) return undefined
      const { from, saidBy } = hint
      const isDown = parts.reachOf(repository).state !== 'reachable'
      const isLastResort = isDown || hint.isLastResort === true
      const patienceMs = patienceWith(repository, digest, hint)
      const how = { saidBy, patienceMs }
      const ids = from === undefined ? await holding(digest, signal, how) : [from]
      const { eachMs, patientMs } = settings
      const askHolder = (id: NodeId, ends: AbortSignal) =>
        ask(id, repository, digest, isLastResort ? patientMs : eachMs, ends)
      const got = await askInTurn(ids, { ask: askHolder, lateAfterMs: () => eachMs }, signal)
      if (got !== undefined) return got
      const isReachable = parts.reachOf(repository).state === 'reachable'
      return isReachable ? undefined : relay(repository, digest, signal)
    },
    relay,
    foresee(digests) {
      if (!hasPeers() || digests.length === 0) return
      holders.find(digests.slice(0, maxForeseen), settings.signal).catch(() => {}) // it never does
    },
  }
}

import type { Digest } from '../oci/digest.ts'
import { digestAlgorithm, digestOf } from '../oci/digest.ts'
import { maxManifestBytes } from '../oci/manifest.ts'
import type { Repository } from '../oci/reference.ts'
import type { Clock } from '../ports/clock.ts'
import type { Holders } from '../ports/holders.ts'
import type { Members } from '../ports/members.ts'
import type { NodeId } from '../ports/node-id.ts'
import { type PeerClient, PeerFailure, type PeerManifest } from '../ports/peer-port.ts'
import type { PeerBook } from './peer-book.ts'

/** Manifests that other nodes hold. */
export interface PeerManifests {
  /** Whether other nodes can be asked now. */
  hasPeers(): boolean
  /** A manifest whose bytes hash to the digest; `undefined` when no node delivers it soon. Never rejects. */
  fetch(
    repository: Repository,
    digest: Digest,
    signal: AbortSignal,
  ): Promise<PeerManifest | undefined>
  /** These will be asked for next: who holds them is looked up before. */
  foresee(digests: readonly Digest[]): void
}

interface Parts {
  readonly members: Pick<Members, 'alive'>
  readonly holders: Holders
  readonly client: Pick<PeerClient, 'getManifest'>
  readonly book: PeerBook
  readonly clock: Pick<Clock, 'monotonicMs'>
}

/** Holders asked for one manifest at the most, one after the other. */
const maxAsked = 3
/** No client names more than this at once. */
const maxForeseen = 256

/**
 * @param settings.eachMs how long one holder may take. `settings.signal`: ends what is looked up ahead
 */
export function createPeerManifests(
  { members, holders, client, book, clock }: Parts,
  settings: { readonly eachMs: number; readonly signal: AbortSignal },
): PeerManifests {
  async function ask(
    id: NodeId,
    repository: Repository,
    digest: Digest,
    signal: AbortSignal,
  ): Promise<PeerManifest | undefined> {
    const askedAtMs = clock.monotonicMs()
    try {
      const options = { signal, timeoutMs: settings.eachMs, maxBytes: maxManifestBytes }
      const got = await client.getManifest(id, digest, repository, options)
      book.began(id, clock.monotonicMs() - askedAtMs)
      if (digestOf(got.bytes, digestAlgorithm(digest)) === digest) return got
      holders.lied(id, digest)
    } catch (error) {
      if (!signal.aborted) noteFailure(id, digest, error)
    }
    return undefined
  }

  function noteFailure(id: NodeId, digest: Digest, error: unknown): void {
    if (!(error instanceof PeerFailure)) throw error
    if (error.code === 'absent') holders.lacks(id, digest)
    else book.failed(id)
  }

  return {
    hasPeers: () => members.alive().length > 0,
    async fetch(repository, digest, signal) {
      if (members.alive().length === 0) return undefined
      const found = await holders.find([digest], signal)
      for (const id of book.order(found.get(digest) ?? []).slice(0, maxAsked)) {
        const got = await ask(id, repository, digest, signal)
        if (got !== undefined) return got
      }
      return undefined
    },
    foresee(digests) {
      if (members.alive().length === 0 || digests.length === 0) return
      holders.find(digests.slice(0, maxForeseen), settings.signal).catch(() => {}) // it never does
    },
  }
}

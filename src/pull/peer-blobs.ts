import type { BlobSource } from '../ports/blob-source.ts'
import type { Holders } from '../ports/holders.ts'
import type { Members } from '../ports/members.ts'
import type { BlobSources } from './blob-sources.ts'
import { createPeerSource, type PeerSourceParts } from './peer-source.ts'
import type { RelaysFor } from './relays.ts'

interface Parts extends PeerSourceParts {
  readonly upstream: BlobSource
  readonly members: Pick<Members, 'alive'>
  readonly relaysFor: RelaysFor
  readonly holders: Holders
}

interface Settings {
  /** How long a node may take for the first byte when nobody else is there to be asked, ms. */
  readonly firstByteMs: number
  /** The same for a node that has to fetch the blob first, ms. */
  readonly relayMs: number
}

/**
 * Whom a member of a mesh asks: nodes that hold the blob, best first, then the registry. What nobody holds is fetched from the registry
 * once for all: by the first in an order that all members work out alike, of those that say they reach that registry. The others read
 * from it while it arrives, and go to the registry themselves when that does not begin soon.
 */
export function createPeerBlobs(parts: Parts, settings: Settings): BlobSources {
  const { upstream, members, holders, book, relaysFor } = parts

  return {
    upstream,
    hasPeers: () => members.alive().length > 0,
    async find(question, signal) {
      const { digest, repository, priority, isRelayed } = question
      if (isRelayed || members.alive().length === 0) return [upstream]
      const found = await holders.find([digest], signal)
      const peers = book.order(found.get(digest) ?? [])
      const { firstByteMs, relayMs } = settings
      const holding = { priority, relay: false, firstByteMs }
      const relaying = { priority, relay: true, firstByteMs: relayMs }
      const sources =
        peers.length > 0
          ? peers.map(id => createPeerSource(parts, id, holding))
          : relaysFor(repository, digest).map(id => createPeerSource(parts, id, relaying))
      return [...sources, upstream]
    },
  }
}

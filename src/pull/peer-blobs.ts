import { rankOwners } from '../ledger/rendezvous.ts'
import type { Repository } from '../oci/reference.ts'
import type { BlobSource } from '../ports/blob-source.ts'
import type { Holders } from '../ports/holders.ts'
import type { Members } from '../ports/members.ts'
import type { NodeId } from '../ports/node-id.ts'
import type { BlobQuestion, BlobSources } from './blob-sources.ts'
import { createPeerSource, type PeerSourceParts } from './peer-source.ts'

interface Parts extends PeerSourceParts {
  readonly upstream: BlobSource
  readonly members: Members
  readonly holders: Holders
}

interface Settings {
  /** How long a node may take for the first byte when nobody else is there to be asked, ms. */
  readonly firstByteMs: number
  /** The same for a node that has to fetch the blob first, ms. */
  readonly relayMs: number
}

/** Nodes that may be asked in turn to fetch for this one, when it cannot do so itself. */
const maxRelays = 3

/**
 * Whom a member of a mesh asks: nodes that hold the blob, best first, then the registry. What nobody holds is fetched from the registry
 * once for all: by the first in an order that all members work out alike, of those that say they reach that registry. The others read
 * from it while it arrives, and go to the registry themselves when that does not begin soon.
 */
export function createPeerBlobs(parts: Parts, settings: Settings): BlobSources {
  const { upstream, members, holders, book } = parts

  function relays({ digest, repository }: BlobQuestion): readonly NodeId[] {
    const { registry } = repository
    const reaching = members
      .alive()
      .filter(({ upstreams }) => upstreams.includes(registry))
      .map(({ id }) => id)
    if (!reaches(repository)) return rankOwners(digest, reaching, maxRelays)
    const [first] = rankOwners(digest, [...reaching, members.self], 1)
    return first === undefined || first === members.self ? [] : [first]
  }

  function reaches(repository: Repository): boolean {
    return upstream.reach(repository).state === 'reachable'
  }

  return {
    upstream,
    hasPeers: () => members.alive().length > 0,
    async find(question, signal) {
      const { digest, priority, isRelayed } = question
      if (isRelayed || members.alive().length === 0) return [upstream]
      const found = await holders.find([digest], signal)
      const peers = book.order(found.get(digest) ?? [])
      const { firstByteMs, relayMs } = settings
      const holding = { priority, relay: false, firstByteMs }
      const relaying = { priority, relay: true, firstByteMs: relayMs }
      const sources =
        peers.length > 0
          ? peers.map(id => createPeerSource(parts, id, holding))
          : relays(question).map(id => createPeerSource(parts, id, relaying))
      return [...sources, upstream]
    },
  }
}

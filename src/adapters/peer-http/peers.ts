import type { TLSSocket } from 'node:tls'
import { LRUCache } from 'lru-cache'
import type { ClusterKeys } from '../../ports/cluster-keys.ts'
import type { NodeId } from '../../ports/node-id.ts'
import { PeerFailure } from '../../ports/peer-port.ts'
import type { PeerIdentity } from './certificate.ts'
import { createMemberConnections, type PeerConnection } from './connections.ts'
import { createDialler, type ResolveName } from './dial.ts'
import { createLane, type Lane } from './lanes.ts'
import { tlsTerms } from './tls-terms.ts'

/** The connections to one other node. */
export interface Peer {
  readonly small: Lane
  readonly long: Lane
  /** Of its last answer that depended on nobody else. */
  roundTripMs: number | undefined
}

/** The connections to all other nodes. */
export interface Peers {
  /** Those to one node; kept while they are used. */
  get(id: NodeId): Peer
  probe(address: string, signal: AbortSignal): Promise<NodeId>
  connections(): readonly PeerConnection[]
  hangUp(id: NodeId): void
  close(): Promise<void>
}

export interface PeersNeeds {
  readonly identity: PeerIdentity
  readonly keys: ClusterKeys
  readonly addressesOf: (id: NodeId) => readonly string[]
  readonly isBanned: (id: NodeId) => boolean
  readonly onBanned?: ((by: NodeId) => void) | undefined
  readonly resolveName?: ResolveName | undefined
}

const maxPeers = 1_024
/** Connections to a node that was not asked anything for so long are closed, ms. */
const unusedMs = 120_000
const lanes = { small: { running: 8, waiting: 2_048 }, long: { running: 32, waiting: 512 } }

/** Makes the table of connections. */
export function createPeers(
  needs: PeersNeeds,
  { connectMs }: { readonly connectMs: number },
): Peers {
  const { identity, keys, addressesOf, isBanned, onBanned, resolveName } = needs
  const dialler = createDialler(
    { self: identity.id, terms: tlsTerms(identity), keys, isBanned, onBanned, resolveName },
    { connectMs },
  )
  const table = createMemberConnections({ keys })
  const closed = new AbortController()
  const open = new Set<Peer>()
  const peers = new LRUCache<NodeId, Peer>({
    max: maxPeers,
    ttl: unusedMs,
    updateAgeOnGet: true,
    dispose: retire,
  })
  const sweep = setInterval(() => peers.purgeStale(), unusedMs / 4).unref()
  // Connections made with the key that was first before go when they have answered.
  const forget = keys.onChange(() => {
    for (const { small, long } of peers.values()) {
      small.renew()
      long.renew()
    }
  })

  function retire(peer: Peer): void {
    peer.small.retire()
    peer.long.retire()
    open.delete(peer)
  }

  function make(id: NodeId): Peer {
    let lastGood: string | undefined
    async function connect(): Promise<TLSSocket> {
      const known = addressesOf(id)
      const inOrder =
        lastGood !== undefined && known.includes(lastGood)
          ? [lastGood, ...known.filter(address => address !== lastGood)]
          : known
      const { socket, keyId, address } = await dialler.dial(inOrder, id, closed.signal)
      lastGood = address
      table.add(socket, { id, keyId, address })
      return socket
    }
    return {
      small: createLane(connect, lanes.small),
      long: createLane(connect, lanes.long),
      roundTripMs: undefined,
    }
  }

  return {
    get(id) {
      const kept = peers.get(id)
      if (kept !== undefined) return kept
      const made = make(id)
      open.add(made)
      peers.set(id, made)
      return made
    },
    async probe(address, signal) {
      const either = AbortSignal.any([signal, closed.signal])
      const { id, socket } = await dialler.dial([address], undefined, either)
      socket.destroySoon()
      return id
    },
    connections: () => table.list(),
    hangUp(id) {
      peers.delete(id)
      table.end(id)
    },
    async close() {
      clearInterval(sweep)
      forget()
      table.stop()
      closed.abort(new PeerFailure('unreachable', 'the client was closed'))
      await Promise.all([...open].flatMap(({ small, long }) => [small.close(), long.close()]))
      for (const { id } of table.list()) table.end(id)
    },
  }
}

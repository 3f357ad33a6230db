import { multicodec } from '@libp2p/gossipsub'
import type { Connection, PeerId, Stream, StreamHandler } from '@libp2p/interface'
import type { NodeId } from '../../ports/node-id.ts'
import { type Grace, startGrace } from './grace.ts'
import {
  canGossip,
  closeConnection,
  closeStream,
  gossipStreams,
  keptOf,
  tellingStreams,
} from './links.ts'
import { toPeerId } from './node-key.ts'

/** A connection that is to go goes after so long at the latest. */
const maxSuperfluousMs = 3_000
/** So long a message waits for a neighbour whose stream is being moved. */
const maxMoveMs = 500

/** The part of libp2p's registrar that tells gossipsub of connections and streams. */
export interface Registrar {
  getTopologies(protocol: string): readonly {
    onConnect?(peer: PeerId, connection: Connection): unknown
  }[]
  getHandler(protocol: string): {
    readonly handler: StreamHandler
    readonly options: { maxInboundStreams?: number; maxOutboundStreams?: number }
  }
  handle(protocol: string, handler: StreamHandler, options: { force: true }): Promise<void>
}

/** What it works on. */
export interface GossipPathParts {
  readonly self: NodeId
  readonly registrar: Registrar
  readonly connectionsWith: (id: NodeId) => readonly Connection[]
  readonly isAccepted: (connection: Connection) => boolean
}

/** Where gossip flows, when there is more than one way. */
export interface GossipPaths {
  /** Has gossipsub open its stream with a node, if there is none: it does so once for a node, and never again by itself. */
  revive(id: NodeId): void
  /** Of several connections with a node, leads gossip to one and ends the others. */
  settle(id: NodeId): void
  /** Settles when no stream is being moved, or soon. */
  whole(): Promise<void>
}

/**
 * gossipsub opens one stream a node and never another while any connection with it stays: the end of the stream, or of the connection
 * that it was on, would silence this direction for good. So streams are moved before their connection is closed, and made anew when they
 * ended otherwise.
 */
export function createGossipPaths(parts: GossipPathParts): GossipPaths {
  const { self, registrar, connectionsWith } = parts
  const moves = new Map<NodeId, Promise<void>>()
  const superfluous = new WeakMap<Connection, Grace>()
  const closing = new WeakSet<Connection>()

  function revive(id: NodeId): void {
    const kept = keptOf(connectionsWith(id), self < id)
    if (kept === undefined) return
    for (const topology of registrar.getTopologies(multicodec)) {
      topology.onConnect?.(toPeerId(id), kept)
    }
  }

  async function move(id: NodeId, streams: readonly Stream[]): Promise<void> {
    await Promise.all(streams.map(closeStream))
    revive(id)
    const grace = startGrace(maxMoveMs)
    while (!grace.signal.aborted && !connectionsWith(id).some(canGossip)) {
      await new Promise(resolve => setTimeout(resolve, 5))
    }
    grace.end()
  }

  function moveOff(id: NodeId, connection: Connection): void {
    const streams = tellingStreams(connection)
    if (streams.length === 0 || moves.has(id)) return
    const moved = move(id, streams).finally(() => moves.delete(id))
    moves.set(id, moved)
  }

  function settle(id: NodeId): void {
    const connections = connectionsWith(id)
    const kept = keptOf(connections, self < id)
    for (const one of connections) {
      if (one === kept) continue
      moveOff(id, one)
      const grace = superfluous.get(one) ?? startGrace(maxSuperfluousMs)
      superfluous.set(one, grace)
      // Who dialled it closes it, so that both do not close the two ends of a choice; but a dropped key is closed by whoever dropped it.
      const isOurs = one.direction === 'outbound' || !parts.isAccepted(one)
      const isDue = grace.signal.aborted
      if (isOurs && !closing.has(one) && (isDue || gossipStreams(one).length === 0)) {
        closing.add(one)
        void closeConnection(one)
      }
    }
  }

  return {
    revive,
    settle,
    async whole() {
      if (moves.size > 0) await Promise.all(moves.values())
    },
  }
}

/** Makes gossipsub's incoming streams end as soon as the other side has ended them, so that it can move to another connection. */
export async function endWithOtherSide(
  registrar: Registrar,
  protocols: readonly string[],
): Promise<void> {
  for (const protocol of protocols) {
    const { handler, options } = registrar.getHandler(protocol)
    const wrapped: StreamHandler = (stream, connection) => {
      stream.addEventListener('remoteCloseWrite', () => void stream.close().catch(() => undefined))
      return handler(stream, connection)
    }
    await registrar.handle(protocol, wrapped, { ...options, force: true })
  }
}

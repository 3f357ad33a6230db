import type { GossipSub } from '@libp2p/gossipsub'
import type { Connection, Libp2p, PeerId } from '@libp2p/interface'
import type { Neighbour } from '../../ports/bus.ts'
import type { Clock } from '../../ports/clock.ts'
import type { Log } from '../../ports/log.ts'
import type { NodeId } from '../../ports/node-id.ts'
import { fromMultiaddr } from './address.ts'
import { createGossipPaths, type Registrar } from './gossip-paths.ts'
import { keyIdOf } from './keyed-encrypters.ts'
import { canGossip, closeConnection, gossipStreams, isOpen, keptOf } from './links.ts'
import { toNodeId, toPeerId } from './node-key.ts'
import { enoughForwarders, topic } from './settings.ts'

/** A node that is connected and cannot be told anything is hung up on after so many ticks. */
const maxMuteTicks = 8
/** Without a place in our mesh for so long, a node that can be told things counts as joined all the same. */
const meshPatienceMs = 3_000
/** Connections that one node may have with us. */
const maxConnectionsPerNode = 4

type Change = { readonly kind: 'joined' | 'left'; readonly id: NodeId }

/** Who is connected, and that gossip flows. */
export interface Neighbourhood {
  all(): readonly Neighbour[]
  isConnected(id: NodeId): boolean
  /** The open connections with a node. */
  connectionsWith(id: NodeId): readonly Connection[]
  onChange(listener: (change: Change) => void): () => void
  /** Settles when it has joined; rejects when it left before that, or with the signal's reason. */
  joined(id: NodeId, signal: AbortSignal): Promise<void>
  hangUp(id: NodeId): Promise<void>
  /** Settles when no neighbour is between two connections, or soon. */
  whole(): Promise<void>
  keysChanged(): void
  close(): void
}

/** What it works on. */
export interface NeighbourhoodParts {
  readonly self: NodeId
  readonly node: Libp2p
  readonly gossip: GossipSub
  readonly registrar: Registrar
  readonly isAccepted: (keyId: string) => boolean
  /** How often streams are looked after; 1000. */
  readonly tickMs: number | undefined
  readonly clock: Clock
  readonly log: Log
}

interface Peer {
  readonly connectedAtMs: number
  readonly joinedAtMs: number | undefined
  readonly muteTicks: number
}

/** Watches a started node until it is closed. */
export function watchNeighbourhood(parts: NeighbourhoodParts): Neighbourhood {
  const { self, node, gossip, clock, log } = parts
  const peers = new Map<NodeId, Peer>()
  const meshed = new Set<NodeId>()
  const listeners = new Set<(change: Change) => void>()

  const connectionsWith = (id: NodeId): readonly Connection[] =>
    node.getConnections(toPeerId(id)).filter(isOpen)
  const isAccepted = (connection: Connection): boolean =>
    parts.isAccepted(keyIdOf(connection.encryption))
  const paths = createGossipPaths({
    self,
    registrar: parts.registrar,
    connectionsWith,
    isAccepted,
  })

  function emit(change: Change): void {
    for (const listener of [...listeners]) listener(change)
  }

  /** Looks whether a node can be told things by now. */
  function consider(id: NodeId): void {
    const peer = peers.get(id)
    if (peer === undefined || peer.joinedAtMs !== undefined) return
    if (!connectionsWith(id).some(canGossip)) return
    if (!gossip.getSubscribers(topic).some(one => toNodeId(one) === id)) return
    const nowMs = clock.monotonicMs()
    const isPlaced = meshed.has(id) || meshed.size >= enoughForwarders
    if (!isPlaced && nowMs - peer.connectedAtMs < meshPatienceMs) return
    peers.set(id, { ...peer, joinedAtMs: nowMs })
    emit({ kind: 'joined', id })
  }

  function settle(id: NodeId): void {
    const { length } = connectionsWith(id)
    if (length > maxConnectionsPerNode) {
      log.warn({ peer: id, connections: length }, 'too many connections: hung up')
      own(hangUp(id))
    } else if (length > 1) {
      paths.settle(id)
    }
  }

  function tend(id: NodeId): void {
    consider(id)
    settle(id)
    const peer = peers.get(id)
    if (peer === undefined) return
    const connections = connectionsWith(id)
    const muteTicks = connections.some(canGossip) ? 0 : peer.muteTicks + 1
    peers.set(id, { ...peer, muteTicks })
    if (muteTicks > 0) unmute(id, connections, muteTicks)
  }

  function unmute(id: NodeId, connections: readonly Connection[], ticks: number): void {
    if (ticks >= maxMuteTicks) {
      log.warn({ peer: id }, 'a neighbour cannot be told anything: hung up')
      own(hangUp(id))
      return
    }
    // What is left of its streams may be one that gossipsub no longer reads: ended, the other side makes a new one.
    if (ticks >= maxMuteTicks / 2) {
      for (const stream of connections.flatMap(gossipStreams)) stream.abort(new Error('half dead'))
    }
    paths.revive(id)
  }

  /** Ends what was made with a dropped key; who has another connection is a member, and gossip moves there first. */
  function dropRefused(id: NodeId): void {
    const connections = connectionsWith(id)
    if (connections.some(isAccepted)) settle(id)
    else for (const connection of connections) own(closeConnection(connection))
  }

  async function hangUp(id: NodeId): Promise<void> {
    await Promise.all(node.getConnections(toPeerId(id)).map(closeConnection))
  }

  const under = new Set<Promise<void>>()
  /** Nothing of this is waited for; it ends by itself in bounded time. */
  function own(work: Promise<void>): void {
    const done = work.catch(err => log.debug({ err }, 'a connection ended badly'))
    under.add(done)
    void done.finally(() => under.delete(done))
  }

  const stops: (() => void)[] = []
  const onNode = (
    name: 'connection:open' | 'connection:close' | 'peer:disconnect',
    handle: (event: CustomEvent) => void,
  ): void => {
    node.addEventListener(name, handle)
    stops.push(() => node.removeEventListener(name, handle))
  }
  const onGossip = (
    name: 'subscription-change' | 'gossipsub:graft' | 'gossipsub:prune' | 'gossipsub:heartbeat',
    handle: (event: CustomEvent) => void,
  ): void => {
    gossip.addEventListener(name, handle)
    stops.push(() => gossip.removeEventListener(name, handle))
  }

  onNode('connection:open', ({ detail: connection }: CustomEvent<Connection>) => {
    const id = toNodeId(connection.remotePeer)
    // The keys may have changed while it shook hands.
    if (id === undefined || !isAccepted(connection)) {
      own(closeConnection(connection))
      return
    }
    if (peers.has(id)) {
      later(id)
    } else {
      peers.set(id, {
        connectedAtMs: clock.monotonicMs(),
        joinedAtMs: undefined,
        muteTicks: 0,
      })
    }
  })
  onNode('connection:close', ({ detail: connection }: CustomEvent<Connection>) => {
    const id = toNodeId(connection.remotePeer)
    if (id === undefined || !peers.has(id)) return
    // The streams' own end comes with this event, in any order.
    setImmediate(() => {
      if (!connectionsWith(id).some(canGossip)) paths.revive(id)
    })
  })
  onNode('peer:disconnect', ({ detail: peerId }: CustomEvent<PeerId>) => {
    const id = toNodeId(peerId)
    if (id === undefined) return
    meshed.delete(id)
    const peer = peers.get(id)
    peers.delete(id)
    if (peer?.joinedAtMs !== undefined) emit({ kind: 'left', id })
  })
  onGossip('subscription-change', ({ detail }: CustomEvent<{ peerId: PeerId }>) => {
    const id = toNodeId(detail.peerId)
    if (id !== undefined) consider(id)
  })
  onGossip('gossipsub:graft', ({ detail }: CustomEvent<{ peerId: string }>) => {
    const id = idOfText(detail.peerId)
    if (id === undefined) return
    meshed.add(id)
    consider(id)
  })
  onGossip('gossipsub:prune', ({ detail }: CustomEvent<{ peerId: string }>) => {
    const id = idOfText(detail.peerId)
    if (id !== undefined) meshed.delete(id)
  })
  onGossip('gossipsub:heartbeat', () => {
    for (const id of peers.keys()) consider(id)
  })
  const idOfText = (text: string): NodeId | undefined =>
    [...peers.keys()].find(id => toPeerId(id).toString() === text)

  const tickMs = parts.tickMs ?? 1_000
  const timer = setInterval(() => {
    for (const id of [...peers.keys()]) tend(id)
  }, tickMs)
  timer.unref()

  /** A second connection is settled once both sides know it. */
  function later(id: NodeId): void {
    setTimeout(() => settle(id), tickMs / 4).unref()
  }

  function describe(id: NodeId, sinceMs: number): Neighbour | undefined {
    const connection = keptOf(connectionsWith(id), self < id)
    if (connection === undefined) return undefined
    return {
      id,
      address: fromMultiaddr(connection.remoteAddr) ?? '',
      direction: connection.direction,
      keyId: keyIdOf(connection.encryption),
      sinceMs,
    }
  }

  return {
    all: () =>
      [...peers].flatMap(([id, { joinedAtMs }]) => {
        const neighbour = joinedAtMs === undefined ? undefined : describe(id, joinedAtMs)
        return neighbour === undefined ? [] : [neighbour]
      }),
    isConnected: id => connectionsWith(id).length > 0,
    connectionsWith,
    onChange(listener) {
      listeners.add(listener)
      return () => void listeners.delete(listener)
    },
    async joined(id, signal) {
      signal.throwIfAborted()
      if (peers.get(id)?.joinedAtMs !== undefined) return
      const { promise, resolve, reject } = Promise.withResolvers<void>()
      const fail = (): void => reject(signal.reason)
      const look = (change: Change): void => {
        if (change.id === id && change.kind === 'joined') resolve()
      }
      const gone = (): void => {
        if (!peers.has(id)) reject(new Error('the connection ended'))
      }
      listeners.add(look)
      node.addEventListener('peer:disconnect', gone)
      signal.addEventListener('abort', fail)
      try {
        gone()
        await promise
      } finally {
        listeners.delete(look)
        node.removeEventListener('peer:disconnect', gone)
        signal.removeEventListener('abort', fail)
      }
    },
    hangUp,
    whole: paths.whole,
    keysChanged() {
      for (const id of [...peers.keys()]) dropRefused(id)
    },
    close() {
      clearInterval(timer)
      for (const stop of stops) stop()
    },
  }
}

import type { KeyObject } from 'node:crypto'
import { createPeerIdentity } from '../adapters/peer-http/certificate.ts'
import { createPeerClient, type PeerHttpClient } from '../adapters/peer-http/client.ts'
import type { PeerConnection } from '../adapters/peer-http/connections.ts'
import type { PeerPortObserver } from '../adapters/peer-http/observer.ts'
import { createPeerServer } from '../adapters/peer-http/server.ts'
import type { Config } from '../config/config.ts'
import type { ListenAddress } from '../config/listen.ts'
import type { Clock } from '../ports/clock.ts'
import type { ClusterKeys } from '../ports/cluster-keys.ts'
import type { Log } from '../ports/log.ts'
import type { Members } from '../ports/members.ts'
import type { NodeId } from '../ports/node-id.ts'
import type { PeerService } from '../ports/peer-port.ts'
import type { ResolveName } from '../ports/resolve-name.ts'

/** Both ends of this node's peer port. */
export interface PeerPort {
  /** Where it listens. */
  readonly address: ListenAddress
  readonly client: PeerHttpClient
  /** In both directions. */
  connections(): readonly PeerConnection[]
  /** Ends all connections with a node, in both directions. */
  hangUp(id: NodeId): void
  /** Nodes that did not let this one in when they were asked last, for it is banned. */
  bannedBy(): ReadonlySet<NodeId>
}

/** How long running answers to other nodes may go on when this one stops, ms. */
const graceMs = 2_000

/** Listens, and makes what asks others. Rejects with the listener's error when the address is taken. */
export async function openPeerPort(
  { peer }: Pick<Config, 'peer'>,
  parts: {
    readonly privateKey: KeyObject
    readonly keys: ClusterKeys
    readonly isOut: (id: NodeId) => boolean
    readonly service: PeerService
    /** `undefined` while this node has not joined yet. */
    readonly members: () => Members | undefined
    readonly resolveName: ResolveName
    readonly observer: PeerPortObserver
    readonly clock: Clock
    readonly log: Log
  },
  owned: AsyncDisposableStack,
): Promise<PeerPort> {
  const { keys, members, resolveName, clock, log } = parts
  const identity = createPeerIdentity(parts.privateKey)
  const shared = { identity, keys, isBanned: parts.isOut }
  const server = createPeerServer(
    { ...shared, service: parts.service, clock, log, observer: parts.observer },
    {
      address: peer.listen,
      uploadBytesPerSecond: peer.uploadBytesPerSecond,
      uploadPerPeerBytesPerSecond: peer.uploadPerPeerBytesPerSecond,
      graceMs,
    },
  )
  const bannedBy = new Set<NodeId>()
  const client = createPeerClient(
    {
      ...shared,
      addressesOf: id => members()?.get(id)?.peerAddresses ?? [],
      resolveName,
      onHeard(id, roundTripMs) {
        bannedBy.delete(id)
        members()?.heard(id, roundTripMs)
      },
      onBanned(by) {
        if (members()?.get(by) !== undefined) bannedBy.add(by)
      },
      onMissed: id => members()?.missed(id),
      onSilent: id => members()?.silent(id),
      onStalled: id => members()?.stalled(id),
    },
    { stallMs: peer.stallMs },
  )
  owned.defer(() => client.close())
  owned.defer(() => server.close())
  return {
    address: await server.listen(),
    client,
    connections: () => [...server.connections(), ...client.connections()],
    bannedBy: () => bannedBy,
    hangUp(id) {
      server.hangUp(id)
      client.hangUp(id)
    },
  }
}

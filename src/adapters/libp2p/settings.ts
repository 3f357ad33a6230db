import { createHash } from 'node:crypto'
import type { GossipsubOpts } from '@libp2p/gossipsub'
import { StrictNoSign } from '@libp2p/gossipsub'
import type { ComponentLogger, Logger } from '@libp2p/interface'

/** The one topic: the type of a message is its first byte. */
export const topic = '/holdfast/1'

/** Nodes a message is handed to, at the least when there are as many. */
export const enoughForwarders = 4

/** A neighbour that takes nothing holds up no more than this; then its stream is reset. */
const maxOutboundBytes = 4 * 1024 * 1024

/** gossipsub for a small mesh of members that trust each other to be members and no further. */
export const gossipSettings: Partial<GossipsubOpts> = {
  // A node may be alone.
  allowPublishToZeroTopicPeers: true,
  // Records are signed by who made them: a second signature costs 0.5 ms a delivery and tells nothing.
  globalSignaturePolicy: StrictNoSign,
  // Named by their content: what two nodes say alike is one message.
  msgIdFn: ({ data }) => createHash('sha256').update(data).digest().subarray(0, 20),
  ignoreDuplicatePublishError: true,
  floodPublish: false,
  fallbackToFloodsub: false,
  doPX: false,
  allowedTopics: [topic],
  D: 6,
  Dlo: enoughForwarders,
  Dhi: 12,
  // The default penalizes ten neighbours behind one address: kind, NAT, a service mesh. It left such a mesh without links. The rest of
  // the scores punishes who was stopped for a while; rejected messages are counted elsewhere (`penalties`).
  scoreParams: {
    topics: {},
    IPColocationFactorWeight: 0,
    behaviourPenaltyWeight: 0,
    appSpecificWeight: 0,
  },
  maxInboundStreams: 4,
  maxOutboundStreams: 4,
  maxOutboundBufferSize: maxOutboundBytes,
  decodeRpcLimits: {
    maxSubscriptions: 16,
    maxMessages: 1_024,
    maxIhaveMessageIDs: 5_000,
    maxIwantMessageIDs: 5_000,
    maxIdontwantMessageIDs: 512,
    maxControlMessages: 64,
    maxPeerInfos: 16,
  },
}

/** Connections, all in all; a mesh of any size needs a few for each node. */
export const connectionSettings = {
  maxConnections: 64,
  maxIncomingPendingConnections: 256,
  // A second and address. Many nodes may stand behind one: pending ones are counted by the gater.
  inboundConnectionThreshold: 128,
  inboundUpgradeTimeout: 4_000,
  inboundStreamProtocolNegotiationTimeout: 4_000,
  // gossipsub opens its streams one after the other: one who does not answer holds up the rest so long.
  outboundStreamProtocolNegotiationTimeout: 4_000,
  connectionCloseTimeout: 1_000,
  dialTimeout: 6_000,
  addressDialTimeout: 5_000,
}

/** Who is silent is found within their sum. */
export const monitorSettings = {
  pingInterval: 5_000,
  pingTimeout: { minTimeout: 5_000, maxTimeout: 5_000 },
}

/** A ping may still be out when the next one goes: that is no failure. */
export const pingSettings = { maxInboundStreams: 8, maxOutboundStreams: 8 }

/** What a connection may have open. */
export const muxerSettings = {
  maxInboundStreams: 32,
  maxOutboundStreams: 32,
  maxEarlyStreams: 32,
}

const silent: Logger = Object.assign(() => {}, {
  error() {},
  trace() {},
  enabled: false,
  newScope: () => silent,
})

/** libp2p tells of every frame; what matters is told by us. */
export const silentLogger: ComponentLogger = { forComponent: () => silent }

import { type KeyObject, randomBytes } from 'node:crypto'
import { yamux } from '@chainsafe/libp2p-yamux'
import { type GossipsubOpts, gossipsub, TopicValidatorResult } from '@libp2p/gossipsub'
import { identify } from '@libp2p/identify'
import type { Libp2p, Upgrader } from '@libp2p/interface'
import { ping } from '@libp2p/ping'
import { tcp } from '@libp2p/tcp'
import { createLibp2p } from 'libp2p'
import { type Bus, BusFailure, maxBusBytes, type Verdict } from '../../ports/bus.ts'
import type { Clock } from '../../ports/clock.ts'
import type { ClusterKeys } from '../../ports/cluster-keys.ts'
import { createJudging } from '../../ports/judging.ts'
import type { Log } from '../../ports/log.ts'
import type { NodeId } from '../../ports/node-id.ts'
import { createOwnStart, startNonceBytes } from '../../ports/own-start.ts'
import { toListenAddresses } from './address.ts'
import { type Budget, createBudget } from './budget.ts'
import { createDial } from './dial.ts'
import { createGate } from './gate.ts'
import { endWithOtherSide, type Registrar } from './gossip-paths.ts'
import { openGreetings } from './greetings.ts'
import { createKeyedEncrypters } from './keyed-encrypters.ts'
import { listeningAddresses } from './listening.ts'
import { type Neighbourhood, watchNeighbourhood } from './neighbourhood.ts'
import { toNodeId, toPrivateKey } from './node-key.ts'
import { createPenalties } from './penalties.ts'
import { renewConnections } from './renew-connections.ts'
import {
  connectionSettings,
  gossipSettings,
  monitorSettings,
  muxerSettings,
  pingSettings,
  silentLogger,
  topic,
} from './settings.ts'

/** What the bus needs. */
export interface BusParts {
  /** The node's Ed25519 key: who it is. */
  readonly privateKey: KeyObject
  readonly keys: ClusterKeys
  /** Who gets no connection, whatever keys it has. */
  readonly isKeptOut?: (id: NodeId) => boolean
  readonly clock: Clock
  readonly log: Log
}

/** How it is set up. */
export interface BusOptions {
  /** `::` listens on both families; port 0 finds a free one. */
  readonly listen: { readonly host: string; readonly port: number }
  /** How often neighbours are looked after, ms; 1000. */
  readonly tickMs?: number
}

type DataTransform = NonNullable<GossipsubOpts['dataTransform']>

const verdicts: Readonly<Record<Verdict, TopicValidatorResult>> = {
  accept: TopicValidatorResult.Accept,
  ignore: TopicValidatorResult.Ignore,
  reject: TopicValidatorResult.Reject,
}

/**
 * The bus over libp2p: TCP, Noise under the cluster keys, Yamux, gossipsub. Importing this module costs 40 MB: only who has a mesh
 * should. Rejects with the system's error, as `EADDRINUSE`, when it cannot listen.
 */
export async function openLibp2pBus(parts: BusParts, options: BusOptions): Promise<Bus> {
  const { keys, clock, log, isKeptOut = () => false } = parts
  const privateKey = toPrivateKey(parts.privateKey)
  const judging = createJudging()
  const penalties = createPenalties(clock)
  const ownStart = createOwnStart(randomBytes(startNonceBytes))
  const encrypters = createKeyedEncrypters(keys.current(), ownStart)
  let neighbourhood: Neighbourhood | undefined
  const gate = createGate({
    isNeighbour: id => neighbourhood?.isConnected(id) === true,
    isKeptOut: id => penalties.isKeptOut(id) || isKeptOut(id),
  })
  const { host, port } = options.listen
  const node = await createLibp2p({
    privateKey,
    start: false,
    logger: silentLogger,
    nodeInfo: { name: 'holdfast', version: '1', userAgent: 'holdfast' },
    addresses: { listen: toListenAddresses(host, port) },
    transports: [tcp()],
    connectionEncrypters: [encrypters.first],
    streamMuxers: [yamux(muxerSettings)],
    connectionManager: connectionSettings,
    connectionMonitor: monitorSettings,
    connectionGater: gate.gater,
    services: {
      identify: identify(),
      ping: ping(pingSettings),
      gossip: gossipsub({ ...gossipSettings, dataTransform: boundedBy(createBudget(clock)) }),
      inner: ({ upgrader, registrar }: Inner): Inner => ({ upgrader, registrar }),
    },
  })
  const { gossip, inner } = node.services
  const self = toNodeId(node.peerId)
  if (self === undefined) throw new TypeError('a node key is an Ed25519 key')
  encrypters.replace(inner.upgrader, keys.current())
  gossip.topicValidators.set(
    topic,
    async (peer, { data }) => verdicts[await judgeFrom(toNodeId(peer), data)],
  )
  const greetings = await openGreetings(node)
  await start(node, options.listen)
  await endWithOtherSide(inner.registrar, gossip.protocols)
  gossip.subscribe(topic)
  const watched = watchNeighbourhood({
    self,
    node,
    gossip,
    registrar: inner.registrar,
    isAccepted: keyId => keys.current().some(({ id }) => id === keyId),
    tickMs: options.tickMs,
    clock,
    log,
  })
  neighbourhood = watched
  const renewal = renewConnections({
    node,
    gate,
    firstKeyId: () => keys.current()[0]?.id ?? '',
    log,
  })
  const forgetKeys = keys.onChange(() => changeKeys(inner.upgrader))
  const dial = createDial({ node, gate, neighbourhood: watched })
  let isClosed = false

  async function judgeFrom(from: NodeId | undefined, message: Uint8Array): Promise<Verdict> {
    if (from === undefined || message.byteLength > maxBusBytes) return 'reject'
    const verdict = await judging.ask(message, from)
    if (verdict === 'reject' && penalties.add(from)) {
      log.warn({ peer: from }, 'a neighbour sent too much that had to be rejected: kept out')
      void neighbourhood?.hangUp(from)
    }
    // gossipsub hands it on as soon as it knows the verdict.
    if (verdict === 'accept') await neighbourhood?.whole()
    return verdict
  }

  function changeKeys(upgrader: Upgrader): void {
    encrypters.replace(upgrader, keys.current())
    watched.keysChanged()
    renewal.soon()
  }

  function assertOpen(): void {
    if (isClosed) throw new BusFailure('closed', 'the bus is closed')
  }

  return {
    self,
    listening: listeningAddresses(node, host),
    async publish(message) {
      assertOpen()
      if (message.byteLength > maxBusBytes) {
        throw new RangeError(`a message of ${message.byteLength} bytes: ${maxBusBytes} is the most`)
      }
      await watched.whole()
      const { recipients } = await gossip.publish(topic, message)
      return recipients.length
    },
    judge: judging.set,
    neighbours: watched.all,
    onNeighbour: watched.onChange,
    async dial(address, signal) {
      assertOpen()
      return await dial(address, signal)
    },
    async greet(id, greeting, signal) {
      assertOpen()
      const [connection] = watched.connectionsWith(id)
      if (connection === undefined) throw new BusFailure('closed', `${id} is no neighbour`)
      return await greetings.greet(connection, greeting, signal)
    },
    answerGreetings: greetings.answer,
    onTwin: ownStart.onTwin,
    hangUp: watched.hangUp,
    async close() {
      if (isClosed) return
      isClosed = true
      forgetKeys()
      renewal.close()
      watched.close()
      await node.stop()
    },
  }
}

/** gossipsub asks this before it remembers anything of a message; what throws is dropped. */
const boundedBy = (budget: Budget): DataTransform => ({
  inboundTransform(_topic, data) {
    if (budget.take(data.byteLength)) return data
    throw new RangeError('more messages than a mesh has to say')
  },
  outboundTransform: (_topic, data) => data,
})

/** Parts of a libp2p node that it hands to its services alone. */
interface Inner {
  readonly upgrader: Upgrader
  readonly registrar: Registrar
}

async function start(node: Libp2p, listen: BusOptions['listen']): Promise<void> {
  try {
    await node.start()
  } catch (error) {
    await node.stop()
    throw withCode(error, listen)
  }
}

/** libp2p tells a system's error as a text alone; who starts a node wants to know which it was. */
function withCode(error: unknown, { host, port }: BusOptions['listen']): unknown {
  const code = error instanceof Error ? /\bE[A-Z]{3,}\b/.exec(error.message)?.[0] : undefined
  if (code === undefined) return error
  const message = `listen ${code} ${host}:${port}`
  return Object.assign(new Error(message, { cause: error }), { code, address: host, port })
}

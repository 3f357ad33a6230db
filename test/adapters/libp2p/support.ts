import { generateKeyPairSync, randomBytes } from 'node:crypto'
import { connect, type Socket } from 'node:net'
import { noise } from '@chainsafe/libp2p-noise'
import { yamux } from '@chainsafe/libp2p-yamux'
import { type GossipSub, gossipsub } from '@libp2p/gossipsub'
import { type Identify, identify } from '@libp2p/identify'
import type { Connection, Libp2p } from '@libp2p/interface'
import { type Ping, ping } from '@libp2p/ping'
import { tcp } from '@libp2p/tcp'
import { multiaddr } from '@multiformats/multiaddr'
import { createLibp2p, type Libp2pOptions } from 'libp2p'
import type { Test } from 'tap'
import { createKeyedEncrypters } from '../../../src/adapters/libp2p/keyed-encrypters.ts'
import { openLibp2pBus } from '../../../src/adapters/libp2p/open-bus.ts'
import { gossipSettings, topic } from '../../../src/adapters/libp2p/settings.ts'
import type { Bus } from '../../../src/ports/bus.ts'
import { type Clock, systemClock } from '../../../src/ports/clock.ts'
import type { ClusterKeys } from '../../../src/ports/cluster-keys.ts'
import { silentLog } from '../../../src/ports/log.ts'
import type { NodeId } from '../../../src/ports/node-id.ts'
import { createOwnStart } from '../../../src/ports/own-start.ts'
import { clusterKeyOf, createChangingKeys } from '../../support/cluster-keys.ts'

/** A node on a free port of loopback, with a new identity. */
export function startLibp2p(
  keys: ClusterKeys,
  host = '127.0.0.1',
  tickMs = 1_000,
  clock: Clock = systemClock,
  isKeptOut: (id: NodeId) => boolean = () => false,
): Promise<Bus> {
  const { privateKey } = generateKeyPairSync('ed25519')
  return openLibp2pBus(
    { privateKey, keys, isKeptOut, clock, log: silentLog },
    { listen: { host, port: 0 }, tickMs },
  )
}

/** A bus that lasts as long as the test, and what it heard. */
export async function startBus(
  t: Test,
  {
    host = '127.0.0.1',
    tickMs = 1_000,
    key = 'k',
    clock = systemClock,
    isKeptOut = (_: NodeId): boolean => false,
  } = {},
) {
  const bus = await startLibp2p(createChangingKeys(key), host, tickMs, clock, isKeptOut)
  t.teardown(() => bus.close())
  const heard: string[] = []
  const changes: string[] = []
  bus.judge(message => {
    heard.push(Buffer.from(message).toString('latin1', 0, 100))
    return 'accept'
  })
  bus.onNeighbour(({ kind }) => changes.push(kind))
  return { bus, heard, changes, address: bus.listening[0] ?? '' }
}

type Services = { gossip: GossipSub; identify: Identify; ping: Ping }

/** libp2p itself, in the hands of the test: a stranger, or with a cluster key a member that may misbehave. */
export async function startPlain(
  t: Test,
  keyName?: string,
): Promise<{ node: Libp2p<Services>; address: string; heard: string[] }> {
  const encrypter =
    keyName === undefined
      ? noise()
      : createKeyedEncrypters([clusterKeyOf(keyName)], createOwnStart(randomBytes(8))).first
  const node = await createLibp2p({
    addresses: { listen: ['/ip4/127.0.0.1/tcp/0'] },
    transports: [tcp()],
    connectionEncrypters: [encrypter],
    streamMuxers: [yamux()],
    connectionGater: { denyDialMultiaddr: () => false },
    services: { identify: identify(), ping: ping(), gossip: gossipsub(gossipSettings) },
  })
  t.teardown(() => node.stop())
  const heard: string[] = []
  node.services.gossip.addEventListener('message', ({ detail }) =>
    heard.push(Buffer.from(detail.data).toString('latin1', 0, 100)),
  )
  node.services.gossip.subscribe(topic)
  const { host, port } = portOf(node)
  return { node, address: `${host}:${port}`, heard }
}

function portOf(node: Libp2p): { host: string; port: number } {
  const parts = node.getMultiaddrs()[0]?.getComponents() ?? []
  return { host: parts[0]?.value ?? '', port: Number(parts[1]?.value) }
}

type Encrypter = NonNullable<Libp2pOptions['connectionEncrypters']>[number]

/** A libp2p node that only dials, with this handshake. */
export async function startWith(t: Test, encrypter: Encrypter): Promise<Libp2p> {
  const node = await createLibp2p({
    transports: [tcp()],
    connectionEncrypters: [encrypter],
    streamMuxers: [yamux()],
    connectionGater: { denyDialMultiaddr: () => false },
  })
  t.teardown(() => node.stop())
  return node
}

/** Dials a bus as libp2p does. */
export function dialPlain(node: Libp2p, address: string): Promise<Connection> {
  const [host, port] = address.split(':')
  return node.dial(multiaddr(`/ip4/${host}/tcp/${port}`))
}

/** A bare connection from another address of this machine; what it is answered is thrown away. */
export function openSocket(t: Test, address: string, localAddress: string): Socket {
  const [host, port] = address.split(':')
  const socket = connect({ host: host ?? '', port: Number(port), localAddress })
  socket.on('error', () => {}).resume()
  t.teardown(() => socket.destroy())
  return socket
}

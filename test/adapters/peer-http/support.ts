import { generateKeyPairSync } from 'node:crypto'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { createServer as createTlsServer, type TLSSocket } from 'node:tls'
import type { Test } from 'tap'
import {
  createPeerIdentity,
  type PeerIdentity,
} from '../../../src/adapters/peer-http/certificate.ts'
import {
  createPeerClient,
  type PeerHttpClient,
  type PeerHttpClientParts,
} from '../../../src/adapters/peer-http/client.ts'
import { createDialler } from '../../../src/adapters/peer-http/dial.ts'
import { createGate } from '../../../src/adapters/peer-http/gate.ts'
import type { PeerPortObserver } from '../../../src/adapters/peer-http/observer.ts'
import {
  createPeerServer,
  type PeerServer,
  type PeerServerOptions,
} from '../../../src/adapters/peer-http/server.ts'
import { tlsTerms } from '../../../src/adapters/peer-http/tls-terms.ts'
import { systemClock } from '../../../src/ports/clock.ts'
import type { ClusterKeys } from '../../../src/ports/cluster-keys.ts'
import { type Log, silentLog } from '../../../src/ports/log.ts'
import type { NodeId } from '../../../src/ports/node-id.ts'
import type { PeerService } from '../../../src/ports/peer-port.ts'
import { createChangingKeys } from '../../support/cluster-keys.ts'

/** An identity of its own. */
export const makeIdentity = (): PeerIdentity =>
  createPeerIdentity(generateKeyPairSync('ed25519').privateKey)

/** A service that offers what is given, and nothing else. */
const serviceOf = (service: Partial<PeerService>): PeerService => ({
  answers: new Map(),
  streams: new Map(),
  openBlob: async () => undefined,
  getManifest: async () => undefined,
  ...service,
})

/** A server that listens on loopback. */
export interface RunningServer {
  readonly id: NodeId
  readonly identity: PeerIdentity
  /** `host:port`. */
  readonly address: string
  readonly port: number
  readonly server: PeerServer
  /** Reasons for which it let somebody not in. */
  readonly refused: string[]
}

/** Starts a server; it is closed with the test. */
export async function startServer(
  t: Test,
  service: Partial<PeerService> = {},
  {
    identity = makeIdentity(),
    keys = createChangingKeys('cluster'),
    isBanned = () => false,
    observer = {},
    log = silentLog,
    ...options
  }: {
    readonly identity?: PeerIdentity
    readonly keys?: ClusterKeys
    readonly isBanned?: (id: NodeId) => boolean
    readonly observer?: Partial<PeerPortObserver>
    readonly log?: Log
  } & Partial<PeerServerOptions> = {},
): Promise<RunningServer> {
  const refused: string[] = []
  const server = createPeerServer(
    {
      identity,
      keys,
      service: serviceOf(service),
      isBanned,
      clock: systemClock,
      log,
      observer: { refused: reason => void refused.push(reason), blobSent() {}, ...observer },
    },
    {
      address: { host: '127.0.0.1', port: 0 },
      uploadBytesPerSecond: 0,
      uploadPerPeerBytesPerSecond: 0,
      graceMs: 100,
      ...options,
    },
  )
  const { host, port } = await server.listen()
  t.teardown(() => server.close())
  return { id: identity.id, identity, address: `${host}:${port}`, port, server, refused }
}

/** Makes a client that knows these addresses; it is closed with the test. */
export function makeClient(
  t: Test,
  addresses: Readonly<Record<NodeId, readonly string[]>>,
  {
    // The machine may be busy with other tests.
    stallMs = 10_000,
    connectMs = 10_000,
    ...parts
  }: Partial<PeerHttpClientParts> & { readonly stallMs?: number; readonly connectMs?: number } = {},
): PeerHttpClient {
  const client = createPeerClient(
    {
      identity: makeIdentity(),
      keys: createChangingKeys('cluster'),
      addressesOf: id => addresses[id] ?? [],
      isBanned: () => false,
      ...parts,
    },
    { stallMs, connectMs },
  )
  t.teardown(() => client.close())
  return client
}

export const never = new AbortController().signal
export const options = { signal: never, timeoutMs: 10_000 }

/** A member that speaks HTTP by hand: `answer` gets the socket and each request's head. Gives its address. */
export async function startRawServer(
  t: Test,
  answer: (socket: TLSSocket, head: string) => void,
): Promise<{ readonly id: NodeId; readonly address: string }> {
  const identity = makeIdentity()
  const gate = createGate(
    {
      self: identity.id,
      keys: createChangingKeys('cluster'),
      isBanned: () => false,
      isFull: () => false,
    },
    { prefaceMs: 10_000 },
  )
  const terms = tlsTerms(identity)
  const sockets = new Set<TLSSocket>()
  const onSocket = async (socket: TLSSocket): Promise<void> => {
    sockets.add(socket)
    socket.on('error', () => {})
    await gate.admit(socket)
    let came = ''
    socket.on('data', chunk => {
      came += chunk
      for (let end = came.indexOf('\r\n\r\n'); end >= 0; end = came.indexOf('\r\n\r\n')) {
        const head = came.slice(0, end)
        came = came.slice(end + 4)
        answer(socket, head)
      }
    })
    socket.resume()
  }
  const server = createTlsServer(
    { ...terms, ALPNProtocols: [...terms.ALPNProtocols], requestCert: true },
    socket => void onSocket(socket),
  ).listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  return { id: identity.id, address: `127.0.0.1:${(server.address() as AddressInfo).port}` }
}

/** A member's connection, to speak HTTP on by hand. */
export async function connectMember(
  t: Test,
  { id, address }: { readonly id: NodeId; readonly address: string },
): Promise<TLSSocket> {
  const identity = makeIdentity()
  const dialler = createDialler(
    {
      self: identity.id,
      terms: tlsTerms(identity),
      keys: createChangingKeys('cluster'),
      isBanned: () => false,
      resolveName: undefined,
    },
    { connectMs: 10_000 },
  )
  const { socket } = await dialler.dial([address], id, never)
  socket.resume()
  t.teardown(() => socket.destroy())
  return socket
}

/** Waits for something that another process or thread of events brings about. */
export async function until(isSo: () => boolean): Promise<void> {
  while (!isSo()) await new Promise(setImmediate)
}

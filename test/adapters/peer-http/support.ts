import { generateKeyPairSync } from 'node:crypto'
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
import type { PeerPortObserver } from '../../../src/adapters/peer-http/observer.ts'
import {
  createPeerServer,
  type PeerServer,
  type PeerServerOptions,
} from '../../../src/adapters/peer-http/server.ts'
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
export const serviceOf = (service: Partial<PeerService>): PeerService => ({
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
    stallMs = 150,
    connectMs = 1_000,
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
export const options = { signal: never, timeoutMs: 5_000 }

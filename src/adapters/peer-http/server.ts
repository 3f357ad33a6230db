import { once } from 'node:events'
import type { AddressInfo, Socket } from 'node:net'
import { createServer as createTlsServer, type TLSSocket } from 'node:tls'
import type { Clock } from '../../ports/clock.ts'
import type { ClusterKeys } from '../../ports/cluster-keys.ts'
import type { Log } from '../../ports/log.ts'
import type { NodeId } from '../../ports/node-id.ts'
import type { PeerService } from '../../ports/peer-port.ts'
import { trackConnections } from '../../wire/connections.ts'
import { type Address, formatAddress } from './address.ts'
import { createAnswerPeer } from './answer.ts'
import type { PeerIdentity } from './certificate.ts'
import { createChunkHashes } from './chunk-hashes.ts'
import { createMemberConnections, type PeerConnection } from './connections.ts'
import { createGate, type Intruder } from './gate.ts'
import { type PeerPortObserver, silentPeerObserver } from './observer.ts'
import { createPendingSockets } from './pending-sockets.ts'
import { createQuestionServer, type QuestionBounds } from './serve-questions.ts'
import { tlsTerms } from './tls-terms.ts'
import { createUploadLimits } from './upload-limits.ts'

/** What the server needs. */
export interface PeerServerParts {
  readonly identity: PeerIdentity
  readonly keys: ClusterKeys
  readonly service: PeerService
  readonly isBanned: (id: NodeId) => boolean
  readonly clock: Clock
  readonly log: Log
  readonly observer?: PeerPortObserver | undefined
}

export interface PeerServerOptions {
  readonly address: Address
  /** 0: no limit. */
  readonly uploadBytesPerSecond: number
  /** 0: no limit. */
  readonly uploadPerPeerBytesPerSecond: number
  /** How long running answers may go on when the server closes, ms. */
  readonly graceMs: number
  /** Bounds that only tests change. */
  readonly bounds?: Partial<Bounds>
}

/** The peer port of this node. */
export interface PeerServer {
  /** Begins to listen and tells where. Rejects when the address is taken or not this machine's. */
  listen(): Promise<Address>
  /** Who is connected to us. */
  connections(): readonly PeerConnection[]
  /** Ends all connections of a node, as after its ban. */
  hangUp(id: NodeId): void
  /** Stops accepting at once, lets running answers end for at most `graceMs`, then cuts them. */
  close(): Promise<void>
}

interface Bounds extends QuestionBounds {
  /** TLS, and the proof of a cluster key after it, ms each. */
  readonly handshakeMs: number
  readonly prefaceMs: number
  /** Connections that have not proven anything yet; the oldest goes. */
  readonly pending: number
  readonly connectionsPerPeer: number
  readonly questionBytes: number
  /** Whoever takes nothing of what is sent for so long is cut, ms. */
  readonly takeWithinMs: number
}

const defaultBounds: Bounds = {
  handshakeMs: 10_000,
  prefaceMs: 10_000,
  pending: 256,
  connectionsPerPeer: 80,
  questions: 1_024,
  questionsPerPeer: 96,
  transfers: 256,
  transfersPerPeer: 64,
  questionBytes: 1024 * 1024,
  headMs: 5_000,
  requestMs: 120_000,
  answerMs: 120_000,
  takeWithinMs: 60_000,
}

const keepAliveAfterMs = 15_000

/** Makes the server; {@link PeerServer.listen} opens it. */
export function createPeerServer(parts: PeerServerParts, options: PeerServerOptions): PeerServer {
  const { identity, keys, service, isBanned, clock, log, observer = silentPeerObserver } = parts
  const { uploadBytesPerSecond: bytesPerSecond } = options
  const { uploadPerPeerBytesPerSecond: perPeerBytesPerSecond } = options
  const bounds = { ...defaultBounds, ...options.bounds }
  const connections = createMemberConnections({ keys }, bounds)
  const pending = createPendingSockets(bounds.pending)
  const isFull = (id: NodeId): boolean => connections.count(id) >= bounds.connectionsPerPeer
  const gate = createGate({ self: identity.id, keys, isBanned, isFull }, bounds)
  const uploads = createUploadLimits({ clock }, { bytesPerSecond, perPeerBytesPerSecond })
  const answer = createAnswerPeer(
    { service, chunkHashes: createChunkHashes(), uploads, observer },
    { maxQuestionBytes: bounds.questionBytes },
  )
  const http = createQuestionServer({ connections, answer, isBanned, log }, bounds)
  const open = trackConnections(http)
  const terms = tlsTerms(identity)
  const tls = createTlsServer({
    ...terms,
    ALPNProtocols: [...terms.ALPNProtocols],
    requestCert: true,
    handshakeTimeout: bounds.handshakeMs,
    noDelay: true,
    keepAlive: true,
    keepAliveInitialDelay: keepAliveAfterMs,
  })
  tls.on('connection', (socket: Socket) => pending.add(socket))
  tls.on('tlsClientError', (err, socket) => {
    socket.destroy()
    refuse({ reason: 'tls' }, socket.remoteAddress, err)
  })
  tls.on('secureConnection', socket => void admit(socket))

  async function admit(socket: TLSSocket): Promise<void> {
    // Stays: an error that nobody listens to would end the process.
    socket.on('error', err => log.debug({ err }, 'a connection on the peer port broke'))
    const { remoteAddress = '', remotePort = 0 } = socket
    const verdict = await gate.admit(socket)
    if ('reason' in verdict) return refuse(verdict, remoteAddress)
    if (socket.destroyed || !tls.listening) return void socket.destroy()
    pending.settle(socket)
    const address = formatAddress({ host: remoteAddress, port: remotePort })
    connections.add(socket, { ...verdict, address })
    http.emit('connection', socket)
    // The gate left it paused.
    socket.resume()
  }

  function refuse({ reason, id }: Intruder, address: string | undefined, err?: Error): void {
    observer.refused(reason)
    log.debug({ reason, peer: id, address, err }, 'not let in on the peer port')
  }

  return {
    async listen() {
      tls.listen({ host: options.address.host, port: options.address.port })
      await once(tls, 'listening')
      // Node watches over slow requests from when a server listens; this one gets its connections from another.
      http.emit('listening')
      const bound = tls.address() as AddressInfo
      return { host: bound.address, port: bound.port }
    },
    connections: connections.list,
    hangUp: connections.end,
    async close() {
      connections.stop()
      if (!tls.listening) return
      await open.endWith(options.graceMs, async () => {
        const closed = once(tls, 'close')
        tls.close()
        http.close(() => {})
        pending.destroy()
        await closed
      })
    },
  }
}

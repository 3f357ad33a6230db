import { connect as connectTcp, isIP, type Socket } from 'node:net'
import { connect as connectTls, createSecureContext, type TLSSocket } from 'node:tls'
import type { ClusterKey, ClusterKeys } from '../../ports/cluster-keys.ts'
import type { NodeId } from '../../ports/node-id.ts'
import { PeerFailure } from '../../ports/peer-port.ts'
import { type Address, formatAddress, parseAddress } from './address.ts'
import { nodeIdOf } from './certificate.ts'
import { encodePreface, isSameProof, type Preface, proofOf, readPreface } from './preface.ts'
import { race } from './race.ts'
import type { TlsTerms } from './tls-terms.ts'

/** A connection on which both sides have proven who they are. */
export interface Dialled {
  readonly socket: TLSSocket
  readonly id: NodeId
  readonly keyId: string
  /** `host:port` that answered. */
  readonly address: string
}

/** Addresses of a name; rejects when it has none. */
export type ResolveName = (name: string, signal: AbortSignal) => Promise<readonly string[]>

/** Opens connections to other nodes' peer ports. */
export interface Dialler {
  /**
   * Connects to one of the addresses, tried in order, and sees to it that it is `wanted` who answers; `undefined`: whoever is there.
   * Rejects with `PeerFailure`, or the signal's reason.
   */
  dial(
    addresses: readonly string[],
    wanted: NodeId | undefined,
    signal: AbortSignal,
  ): Promise<Dialled>
}

interface Needs {
  readonly self: NodeId
  readonly terms: TlsTerms
  readonly keys: ClusterKeys
  readonly isBanned: (id: NodeId) => boolean
  /** A node does not let us in, for we are banned. */
  readonly onBanned?: ((by: NodeId) => void) | undefined
  readonly resolveName: ResolveName | undefined
}

/** One address, and who is to be there. */
interface Target {
  readonly address: Address
  /** The address as text. */
  readonly at: string
  readonly wanted: NodeId | undefined
  readonly signal: AbortSignal
}

/** Who is there does not accept the key that was shown. */
class UnknownKey extends PeerFailure {}

/** Addresses beyond these are not tried. */
const maxAddresses = 8
/** The next address is tried beside a silent one after this time. */
const headStartMs = 150
const keepAliveAfterMs = 15_000

/** Makes a dialler. `connectMs` bounds each address: TCP, TLS and both proofs. */
export function createDialler(
  needs: Needs,
  { connectMs }: { readonly connectMs: number },
): Dialler {
  const { self, terms, keys, isBanned, onBanned, resolveName } = needs
  const context = createSecureContext({ ...terms })
  const secure = (tcp: Socket): TLSSocket =>
    connectTls({
      socket: tcp,
      secureContext: context,
      rejectUnauthorized: terms.rejectUnauthorized,
      checkServerIdentity: () => undefined,
      ALPNProtocols: [...terms.ALPNProtocols],
    })

  async function addressesOf(texts: readonly string[], signal: AbortSignal): Promise<Address[]> {
    const parsed = texts.map(parseAddress).filter(address => address !== undefined)
    const known = await Promise.all(
      parsed.map(async ({ host, port }) => {
        if (isIP(host) !== 0 || host.includes('%')) return [{ host, port }]
        const found = await resolveName?.(host, signal).catch(() => [])
        return (found ?? []).map(host => ({ host, port }))
      }),
    )
    return known.flat().slice(0, maxAddresses)
  }

  async function connect(
    address: Address,
    wanted: NodeId | undefined,
    signal: AbortSignal,
  ): Promise<Dialled> {
    const at = formatAddress(address)
    const limit = new AbortController()
    const timer = setTimeout(() => limit.abort(silent(at, connectMs)), connectMs)
    const cut = AbortSignal.any([signal, limit.signal])
    try {
      return await connectWithAny(keys.current(), { address, at, wanted, signal: cut })
    } finally {
      clearTimeout(timer)
    }
  }

  /** The next key is for whoever does not know the one before: keys change on one node after the other. */
  async function connectWithAny(
    [key, ...others]: readonly ClusterKey[],
    target: Target,
  ): Promise<Dialled> {
    if (key === undefined) throw new PeerFailure('refused', 'this node has no cluster key')
    try {
      return await connectWith(key, target)
    } catch (error) {
      if (!(error instanceof UnknownKey) || others.length === 0) throw error
      return connectWithAny(others, target)
    }
  }

  async function connectWith(key: ClusterKey, target: Target): Promise<Dialled> {
    const { address, at, signal } = target
    const tcp = connectTcp({ ...address, noDelay: true })
    tcp.setKeepAlive(true, keepAliveAfterMs)
    try {
      const socket = await shakeHands(tcp, secure, at, signal)
      const id = await introduce(socket, key, target)
      return { socket, id, keyId: key.id, address: at }
    } catch (error) {
      tcp.destroy()
      throw error
    }
  }

  /** Sees who is there before anything is said, shows our proof, and demands the same. */
  async function introduce(
    socket: TLSSocket,
    key: ClusterKey,
    { wanted, at, signal }: Target,
  ): Promise<NodeId> {
    const id = idOf(socket, wanted, at)
    if (isBanned(id)) throw new PeerFailure('refused', `${id} at ${at} is banned`)
    const ends = { client: self, server: id }
    const own = { keyId: key.id, proof: proofOf(key, 'client', ends, socket) }
    socket.write(encodePreface('accepted', own))
    const said = await readPreface(socket, signal)
    if (said?.verdict === 'banned') onBanned?.(id)
    const answer = readVerdict(said, `${id} at ${at}`)
    if (!isSameProof(answer.proof, proofOf(key, 'server', ends, socket))) {
      throw new PeerFailure('refused', `${id} at ${at} has not the cluster key ${key.id}`)
    }
    return id
  }

  return {
    async dial(texts, wanted, signal) {
      const addresses = await addressesOf(texts, signal)
      if (addresses.length === 0) {
        const who = wanted ?? 'whoever that is'
        throw new PeerFailure('unreachable', `no usable address of ${who}: ${texts.join(', ')}`)
      }
      const attempts = addresses.map(address => (cut: AbortSignal) => connect(address, wanted, cut))
      const drop = ({ socket }: Dialled): void => void socket.destroy()
      return race(attempts, { headStartMs, pick: mostTelling, drop }, signal)
    },
  }
}

async function shakeHands(
  tcp: Socket,
  secure: (tcp: Socket) => TLSSocket,
  at: string,
  signal: AbortSignal,
): Promise<TLSSocket> {
  signal.throwIfAborted()
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  const socket = secure(tcp)
  const fail = (cause?: Error): void => {
    const code = (cause as NodeJS.ErrnoException | undefined)?.code ?? 'closed'
    reject(new PeerFailure('unreachable', `${at} cannot be connected to (${code})`, cause))
  }
  const onAbort = (): void => reject(signal.reason)
  signal.addEventListener('abort', onAbort, { once: true })
  // These stay: an error that nobody listens to would end the process.
  tcp.on('error', fail)
  socket.on('error', fail)
  socket.once('close', () => fail())
  socket.once('secureConnect', resolve)
  try {
    await promise
    return socket
  } catch (error) {
    socket.destroy()
    throw error
  } finally {
    signal.removeEventListener('abort', onAbort)
  }
}

function idOf(socket: TLSSocket, wanted: NodeId | undefined, at: string): NodeId {
  const id = nodeIdOf(socket.getPeerX509Certificate())
  if (id === undefined) throw new PeerFailure('unreachable', `no node answers at ${at}`)
  if (wanted === undefined || id === wanted) return id
  throw new PeerFailure('unreachable', `another node than ${wanted} answers at ${at}: ${id}`)
}

function readVerdict(answer: Preface | undefined, who: string): Preface {
  if (answer === undefined) throw new PeerFailure('unreachable', `${who} did not introduce itself`)
  const { verdict } = answer
  if (verdict === 'accepted') return answer
  if (verdict === 'full') throw new PeerFailure('busy', `${who} takes no more connections`)
  const message = `${who} does not let us in: ${verdict}`
  throw verdict === 'unknown-key'
    ? new UnknownKey('refused', message)
    : new PeerFailure('refused', message)
}

const silent = (at: string, ms: number): PeerFailure =>
  new PeerFailure('timeout', `${at} was not connected to within ${ms} ms`)

/** What is said when every address failed: that somebody answered says more than that nobody did. */
function mostTelling(failures: readonly unknown[]): unknown {
  for (const code of ['refused', 'busy', 'timeout']) {
    const found = failures.find(error => error instanceof PeerFailure && error.code === code)
    if (found !== undefined) return found
  }
  return failures[0]
}

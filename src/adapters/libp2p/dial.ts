import type { Libp2p } from '@libp2p/interface'
import { BusFailure } from '../../ports/bus.ts'
import type { NodeId } from '../../ports/node-id.ts'
import { toMultiaddr } from './address.ts'
import type { Gate } from './gate.ts'
import type { Neighbourhood } from './neighbourhood.ts'
import { toNodeId } from './node-key.ts'

/** Connecting, the handshake, and until messages can flow. */
const dialMs = 6_000

/** What dialling works with. */
export interface DialParts {
  readonly node: Libp2p
  readonly gate: Gate
  readonly neighbourhood: Neighbourhood
}

/** Connects to an address and waits until messages can flow. Rejects with `BusFailure`. */
export function createDial({ node, gate, neighbourhood }: DialParts) {
  async function connect(address: string, signal: AbortSignal): Promise<NodeId> {
    const target = toMultiaddr(address)
    if (target === undefined) throw new BusFailure('unreachable', `${address} is no host:port`)
    try {
      const connection = await node.dial(target, { signal })
      const id = toNodeId(connection.remotePeer)
      if (id !== undefined) return id
      throw new BusFailure('refused', `${address} is no node`)
    } catch (error) {
      // A second connection with a neighbour is denied at the gate, which tells who it was.
      const met = gate.metAt(address)
      if (met !== undefined && neighbourhood.isConnected(met)) return met
      throw error
    }
  }

  return async (address: string, given: AbortSignal): Promise<NodeId> => {
    const known = neighbourhood
      .all()
      .find(one => one.direction === 'outbound' && one.address === address)
    if (known !== undefined) return known.id
    const signal = AbortSignal.any([given, AbortSignal.timeout(dialMs)])
    try {
      const id = await connect(address, signal)
      await neighbourhood.joined(id, signal)
      return id
    } catch (error) {
      throw error instanceof BusFailure ? error : toBusFailure(error, address, signal)
    }
  }
}

/** What libp2p's errors mean to who dials. */
function toBusFailure(error: unknown, address: string, signal: AbortSignal): BusFailure {
  const { name = '', message = '' } = error instanceof Error ? error : {}
  if (/dial self/i.test(message)) return new BusFailure('self', `${address} is this node`, error)
  const isOfHandshake = name === 'EncryptionFailedError' || name === 'ConnectionInterceptedError'
  if (!isOfHandshake || signal.aborted || /reset|abort|timed? ?out/i.test(message)) {
    return new BusFailure('unreachable', `${address} does not answer: ${message}`, error)
  }
  const code = codeOfHandshake(name, message)
  return new BusFailure(code, `${address} ${handshakeWords[code]}: ${message}`, error)
}

const handshakeWords = {
  refused: 'does not accept our cluster key',
  'no-mesh': 'is no mesh port',
  'hung-up': 'ended the connection without a word',
} as const

/**
 * A key is refused by who speaks libp2p: it knows no such handshake, or fails it. An HTTP server says something else. What ends at once
 * said nothing: a TLS server, or a node that is full or going down.
 */
function codeOfHandshake(name: string, message: string): keyof typeof handshakeWords {
  if (/reading 0\/1 bytes|^(?!.*reading \d).*(closed|EOF)/i.test(message)) return 'hung-up'
  const isNode = name === 'ConnectionInterceptedError' || ofNode.test(message)
  return isNode ? 'refused' : 'no-mesh'
}

/** What libp2p says of who speaks it. */
const ofNode = /protocol selection failed|handshake|decrypt|noise/i

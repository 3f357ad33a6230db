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
  // What ends or falls silent said nothing: it may be full, or going down.
  if (isOfHandshake && !signal.aborted && !/closed|reset|EOF|abort|timed? ?out/i.test(message)) {
    return new BusFailure('refused', `${address} does not accept our cluster key`, error)
  }
  return new BusFailure('unreachable', `${address} does not answer: ${message}`, error)
}

import type { ConnectionGater, MultiaddrConnection } from '@libp2p/interface'
import type { NodeId } from '../../ports/node-id.ts'
import { fromMultiaddr } from './address.ts'
import { toNodeId } from './node-key.ts'

/** Handshakes that one address may have under way. Each may take its time to say nothing. */
const maxPendingPerHost = 64
/** Addresses whose nodes are remembered until they are asked for: most are not. */
const maxMet = 256

/** Decides who comes in, and remembers who was met behind an address. */
export interface Gate {
  readonly gater: ConnectionGater
  /** Who answered last at `host:port`; it is forgotten by being asked for. */
  metAt(address: string): NodeId | undefined
  /** Lets one more connection to a neighbour be made while `work` goes on. */
  allowingSecond<T>(id: NodeId, work: () => Promise<T>): Promise<T>
}

/** What the gate has to know. */
export interface GateParts {
  readonly isNeighbour: (id: NodeId) => boolean
  readonly isKeptOut: (id: NodeId) => boolean
}

/** Nobody is denied but strangers in crowds, those kept out, and second connections to who is a neighbour. */
export function createGate({ isNeighbour, isKeptOut }: GateParts): Gate {
  const pending = new Map<string, number>()
  const met = new Map<string, NodeId>()
  const seconds = new Set<NodeId>()

  function admit(connection: MultiaddrConnection): boolean {
    const host = connection.remoteAddr.getComponents()[0]?.value ?? ''
    const count = pending.get(host) ?? 0
    if (count >= maxPendingPerHost) return false
    pending.set(host, count + 1)
    const leave = (): void => {
      leaving.delete(connection)
      const left = (pending.get(host) ?? 1) - 1
      if (left > 0) pending.set(host, left)
      else pending.delete(host)
    }
    leaving.set(connection, leave)
    connection.addEventListener('close', () => leaving.get(connection)?.())
    return true
  }

  function remember(address: string, id: NodeId): void {
    met.delete(address) // to the end: the oldest is forgotten first
    met.set(address, id)
    const [oldest] = met.keys()
    if (met.size > maxMet && oldest !== undefined) met.delete(oldest)
  }

  const leaving = new Map<MultiaddrConnection, () => void>()

  return {
    gater: {
      // The default denies private addresses in browsers and the like: ours are all private.
      denyDialMultiaddr: () => false,
      denyInboundConnection: connection => !admit(connection),
      denyInboundEncryptedConnection(peer, connection) {
        leaving.get(connection)?.()
        const id = toNodeId(peer)
        return id === undefined || isKeptOut(id)
      },
      denyOutboundEncryptedConnection(peer, connection) {
        const id = toNodeId(peer)
        if (id === undefined || isKeptOut(id)) return true
        const address = fromMultiaddr(connection.remoteAddr)
        if (address !== undefined) remember(address, id)
        return isNeighbour(id) && !seconds.has(id)
      },
    },
    metAt(address) {
      const id = met.get(address)
      met.delete(address)
      return id
    },
    async allowingSecond(id, work) {
      seconds.add(id)
      try {
        return await work()
      } finally {
        seconds.delete(id)
      }
    },
  }
}

import type { NodeId } from '../../ports/node-id.ts'
import { type PeerClient, PeerFailure } from '../../ports/peer-port.ts'
import type { PushWire } from './push-wire.ts'

/** What the peer port's client can do. */
export interface PeerWireClient extends Pick<PeerClient, 'call'> {
  /** Tells who listens at an address. */
  probe(address: string, signal: AbortSignal): Promise<NodeId>
  /** Connections that stand. */
  connections(): readonly { readonly id: NodeId; readonly keyId: string }[]
}

/** A wire, and what the client has to know of it. */
export interface PeerWire {
  readonly wire: PushWire
  /** For the client: where the nodes are that the bus was told of. */
  readonly addressesOf: (id: NodeId) => readonly string[]
}

/** Addresses remembered; the ones that were not asked for longest are forgotten first. */
const maxAddresses = 1_024

/** The push bus' wire over the peer port. The client is asked for late: it wants the addresses in turn. */
export function createPeerWire(client: () => PeerWireClient): PeerWire {
  const ids = new Map<string, NodeId>()

  function remember(address: string, id: NodeId): void {
    ids.delete(address)
    ids.set(address, id)
    const [oldest] = ids.keys()
    if (ids.size > maxAddresses && oldest !== undefined) ids.delete(oldest)
  }

  /** Who was there last; whoever is there now when nobody was, or he does not answer there. */
  async function ask(
    address: string,
    subject: string,
    question: Uint8Array,
    options: { readonly signal: AbortSignal; readonly timeoutMs: number },
  ) {
    const { call, probe, connections } = client()
    const signal = AbortSignal.any([options.signal, AbortSignal.timeout(options.timeoutMs)])
    try {
      const id = ids.get(address) ?? (await probe(address, signal))
      remember(address, id)
      const answer = await call(id, subject, question, { ...options, signal })
      const { keyId = '' } = connections().findLast(one => one.id === id) ?? {}
      return { id, keyId, answer }
    } catch (error) {
      ids.delete(address)
      if (error instanceof PeerFailure) throw error
      throw new PeerFailure('timeout', `${address} did not answer ${subject}`, error)
    }
  }

  return {
    wire: { ask },
    addressesOf: id => [...ids].filter(([, known]) => known === id).map(([address]) => address),
  }
}

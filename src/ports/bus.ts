import type { NodeId } from './node-id.ts'
import type { TwinListener } from './own-start.ts'

/** Largest message and greeting, bytes. */
export const maxBusBytes = 64 * 1024

/** What is to become of a message: hand it on, drop it silently, or drop it and hold it against who sent it. */
export type Verdict = 'accept' | 'ignore' | 'reject'

/** A node that is directly connected. */
export interface Neighbour {
  readonly id: NodeId
  /** `host:port` of the other end. */
  readonly address: string
  readonly direction: 'inbound' | 'outbound'
  /** The {@link ClusterKey} id the connection was made with. */
  readonly keyId: string
  /** Monotonic clock. */
  readonly sinceMs: number
}

/**
 * Tells all nodes small things, at the latest in seconds, most of the time: whoever is not connected at that moment never hears of
 * it. Only holders of a cluster key get in. One conformance suite holds every implementation to this.
 */
export interface Bus {
  readonly self: NodeId
  /** Where it listens, `host:port`. */
  readonly listening: readonly string[]
  /**
   * Sends a message to every node that can be reached by way of neighbours, this one excepted. Settles with the number of neighbours it
   * was handed to: 0 is no error. Rejects with `RangeError` above {@link maxBusBytes}.
   */
  publish(message: Uint8Array): Promise<number>
  /**
   * Sets the one who judges messages; asked once per message and node. `from` is the neighbour that handed it on. What throws or takes
   * longer than 100 ms counts as `ignore`.
   */
  judge(judge: (message: Uint8Array, from: NodeId) => Verdict | Promise<Verdict>): void
  neighbours(): readonly Neighbour[]
  /** `joined` once per node, when messages can flow both ways; `left` when its last connection ended. */
  onNeighbour(
    listener: (change: { readonly kind: 'joined' | 'left'; readonly id: NodeId }) => void,
  ): () => void
  /** Connects to whoever listens at `host:port`; a node that is a neighbour already is left as it is. Rejects with `BusFailure`. */
  dial(address: string, signal: AbortSignal): Promise<NodeId>
  /** Asks one neighbour one thing: how nodes introduce themselves. Rejects with `BusFailure`. */
  greet(id: NodeId, greeting: Uint8Array, signal: AbortSignal): Promise<Uint8Array>
  /** Sets the one who answers greetings. */
  answerGreetings(answer: (greeting: Uint8Array, from: NodeId) => Promise<Uint8Array>): void
  /** Called at each meeting with another node that has a copy of this node's key, at both of them. They do not become neighbours. */
  onTwin(listener: TwinListener): () => void
  /** Ends all connections with a node. */
  hangUp(id: NodeId): Promise<void>
  close(): Promise<void>
}

/** Why a node could not be reached over the bus. */
export class BusFailure extends Error {
  override readonly name = 'BusFailure'
  /**
   * `unreachable`: nobody answers there; `refused`: it does not accept our key; `no-mesh`: what answers there speaks another protocol;
   * `hung-up`: it ended the connection without a word; `self`: whoever is there has this node's key, as this node itself; `closed`: the bus
   * is closed or the connection ended.
   */
  readonly code: 'unreachable' | 'refused' | 'no-mesh' | 'hung-up' | 'self' | 'closed'

  constructor(code: BusFailure['code'], message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause })
    this.code = code
  }
}

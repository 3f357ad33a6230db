import type { NodeId } from '../../ports/node-id.ts'

/** Who answered, and what. */
export interface PushAnswer {
  /** Proven by the connection. */
  readonly id: NodeId
  /** The cluster key that the connection was made with. */
  readonly keyId: string
  readonly answer: Uint8Array
}

/** Asks whoever listens at an address one small thing, over connections that only holders of a cluster key can make. */
export interface PushWire {
  /** Rejects with `PeerFailure`. */
  ask(
    address: string,
    subject: string,
    question: Uint8Array,
    options: { readonly signal: AbortSignal; readonly timeoutMs: number },
  ): Promise<PushAnswer>
}

import type { NodeId } from './node-id.ts'

/** What a signature is made for; one made for one purpose never passes for another's. */
export type SignaturePurpose = 'hello' | 'bye'

/** Signs as this node, and checks what other nodes signed. */
export interface NodeSignature {
  readonly self: NodeId
  sign(purpose: SignaturePurpose, bytes: Uint8Array): Uint8Array
  /** Never throws. */
  isSignedBy(
    id: NodeId,
    purpose: SignaturePurpose,
    bytes: Uint8Array,
    signature: Uint8Array,
  ): boolean
}

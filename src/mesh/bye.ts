import { decodeCbor, encodeCbor, isBytes, isCount } from '../ledger/cbor.ts'
import type { NodeId } from '../ports/node-id.ts'
import type { Turn } from './hello.ts'

/** A node's last word before it stops. */
export interface Bye extends Turn {
  readonly id: NodeId
}

/** Of a bye with its signature. */
const maxByeBytes = 256

/** The bytes a node signs. */
export function encodeBye({ id, incarnation, nonce, sequence }: Bye): Uint8Array {
  return encodeCbor([Buffer.from(id, 'hex'), incarnation, Buffer.from(nonce, 'hex'), sequence])
}

/** Reads a bye's signed bytes; `undefined` when they are none. Never throws. */
export function decodeBye(body: Uint8Array): Bye | undefined {
  const fields = body.length > maxByeBytes ? undefined : decodeCbor(body)
  if (!Array.isArray(fields)) return undefined
  const [id, incarnation, nonce, sequence]: readonly unknown[] = fields
  if (!isBytes(id, 32, 32) || !isBytes(nonce, 8, 8)) return undefined
  if (!isCount(incarnation) || !isCount(sequence)) return undefined
  return { id: hex(id), incarnation, nonce: hex(nonce), sequence }
}

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex')

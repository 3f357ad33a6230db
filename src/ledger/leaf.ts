import { digestHex, digestOf } from '../oci/digest.ts'
import { compareTexts, type SignedRecord } from './record.ts'

/** Leaves of the fingerprint: the first 12 bits of a register's hash. */
export const leafCount = 4096

/** Bytes of a leaf's hash. */
export const leafHashBytes = 16

/** What two nodes compare of one record before they send it. */
export interface RecordRow {
  /** Names key and kind, 12 hex digits: see `registerOf`. */
  readonly register: string
  readonly wallMs: number
  readonly counter: number
  /** Public key of who signed it, hex. */
  readonly origin: string
  /** Tells two records of one origin and stamp apart: 8 hex digits of a hash of the signature. */
  readonly mark: string
}

/** A record's mark. */
export function markOf({ signature }: Pick<SignedRecord, 'signature'>): string {
  return digestHex(digestOf(signature)).slice(0, 8)
}

/** The order of rows in a leaf: register, stamp, origin, mark. */
export function compareRows(a: RecordRow, b: RecordRow): number {
  return (
    compareTexts(a.register, b.register) ||
    a.wallMs - b.wallMs ||
    a.counter - b.counter ||
    compareTexts(a.origin, b.origin) ||
    compareTexts(a.mark, b.mark)
  )
}

/** Hash of a leaf whose rows are in order; zeros for an empty one. */
export function hashLeaf(rows: readonly RecordRow[]): Uint8Array {
  if (rows.length === 0) return new Uint8Array(leafHashBytes)
  const bytes = Buffer.alloc(rows.length * rowBytes)
  let at = 0
  for (const { register, wallMs, counter, origin, mark } of rows) {
    bytes.write(register, at, 'hex')
    bytes.writeUIntBE(Math.floor(wallMs / 256), at + 6, 6)
    bytes.writeUInt8(wallMs % 256, at + 12)
    bytes.writeUInt16BE(counter, at + 13)
    bytes.write(origin, at + 15, 'hex')
    bytes.write(mark, at + 47, 'hex')
    at += rowBytes
  }
  return Buffer.from(digestHex(digestOf(bytes)), 'hex').subarray(0, leafHashBytes)
}

/** Register 6, wall 7, counter 2, origin 32, mark 4. */
const rowBytes = 51

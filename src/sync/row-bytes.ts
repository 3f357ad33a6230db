import type { RecordRow } from '../ledger/leaf.ts'

/** A row as it travels. */
export interface WireRow {
  readonly register: string
  readonly wallMs: number
  readonly counter: number
  /** First 16 hex digits: nobody makes a key to order with the same ones. */
  readonly origin: string
  readonly mark: string
  /** All of it: equal rows have equal texts. */
  readonly text: string
}

/** Rows of one leaf, packed. */
export interface LeafRows {
  readonly leaf: number
  readonly bytes: Uint8Array
}

/** Register 6, wall 7, counter 2, origin 8, mark 4. */
export const rowBytes = 27

/** Largest number of rows of a leaf: 10 million records have 2 500. */
const maxRows = 16_384

/** A row of the store as it travels. */
export function wireRow(row: RecordRow | WireRow): WireRow {
  if ('text' in row) return row
  const { register, wallMs, counter, mark } = row
  const origin = row.origin.slice(0, 16)
  const wall = wallMs.toString(16).padStart(14, '0')
  const text = register + wall + counter.toString(16).padStart(4, '0') + origin + mark
  return { register, wallMs, counter, origin, mark, text }
}

/** Packs rows. */
export function encodeRows(rows: readonly WireRow[]): Uint8Array {
  return Buffer.from(rows.map(({ text }) => text).join(''), 'hex')
}

/** Unpacks rows; `undefined` when they are none. Never throws. */
export function decodeRows(bytes: Uint8Array): readonly WireRow[] | undefined {
  if (bytes.length % rowBytes !== 0 || bytes.length > maxRows * rowBytes) return undefined
  const all = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)
  const rows: WireRow[] = []
  for (let at = 0; at < all.length; at += rowBytes) {
    const wallMs = all.readUIntBE(at + 6, 6) * 256 + all.readUInt8(at + 12)
    if (!Number.isSafeInteger(wallMs)) return undefined
    const text = all.toString('hex', at, at + rowBytes)
    rows.push({
      register: text.slice(0, 12),
      wallMs,
      counter: all.readUInt16BE(at + 13),
      origin: text.slice(30, 46),
      mark: text.slice(46),
      text,
    })
  }
  return rows
}

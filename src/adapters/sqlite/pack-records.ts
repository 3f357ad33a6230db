import type { SignedRecord } from '../../ledger/record.ts'

/**
 * The same records as views of one buffer of just their size. A message to another thread copies the whole buffer that a view lies in:
 * that of a pool, or of the message the record came in.
 */
export function packRecords(records: readonly SignedRecord[]): readonly SignedRecord[] {
  const bytes = records.reduce((sum, r) => sum + r.body.length + r.signature.length, 0)
  const packed = new Uint8Array(bytes)
  let at = 0
  const pack = (part: Uint8Array): Uint8Array => {
    packed.set(part, at)
    at += part.length
    return packed.subarray(at - part.length, at)
  }
  return records.map(({ body, signature }) => ({ body: pack(body), signature: pack(signature) }))
}

import { decodeCbor, encodeCbor } from '../ledger/cbor.ts'
import type { SignedRecord } from '../ledger/record.ts'
import { ArchiveRefusal } from '../ports/archive.ts'

/** Where a bundle carries the ledger's records, beside the image layout. */
export const recordsPath = 'holdfast/records'

const format = 1

/** Writes records as nodes signed them. */
export function encodeRecords(records: readonly SignedRecord[]): Uint8Array {
  return encodeCbor([format, records.map(({ body, signature }) => [body, signature])])
}

/**
 * Reads what {@link encodeRecords} wrote; of a later format nothing: the images say enough. Throws `ArchiveRefusal` `manifest` for what is
 * broken. Signatures are not looked at.
 */
export function decodeRecords(bytes: Uint8Array): readonly SignedRecord[] {
  const value = decodeCbor(bytes)
  if (!Array.isArray(value)) throw broken()
  const [version, list] = value as readonly unknown[]
  if (typeof version === 'number' && version > format) return []
  if (version !== format || !Array.isArray(list)) throw broken()
  return list.map((pair: unknown) => {
    const [body, signature] = Array.isArray(pair) ? (pair as readonly unknown[]) : []
    if (!(body instanceof Uint8Array) || !(signature instanceof Uint8Array)) throw broken()
    return { body, signature }
  })
}

const broken = (): ArchiveRefusal => new ArchiveRefusal('manifest', `${recordsPath}: no records`)

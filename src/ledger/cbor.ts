import { decode, encode, rfc8949EncodeOptions } from 'cborg'

/** Deterministic CBOR (RFC 8949, 4.2.1). */
export function encodeCbor(value: unknown): Uint8Array {
  return encode(value, rfc8949EncodeOptions)
}

/** Reads what {@link encodeCbor} writes, maps as `Map`; `undefined` for anything else. Never throws. */
export function decodeCbor(bytes: Uint8Array): unknown {
  try {
    const value: unknown = decode(bytes, {
      useMaps: true,
      strict: true,
      rejectDuplicateMapKeys: true,
      allowIndefinite: false,
      allowUndefined: false,
    })
    return Buffer.compare(encodeCbor(value), bytes) === 0 ? value : undefined
  } catch {
    return undefined
  }
}

/** A whole number from 0 to `max`. */
export function isCount(value: unknown, max: number = Number.MAX_SAFE_INTEGER): value is number {
  return Number.isSafeInteger(value) && Number(value) >= 0 && Number(value) <= max
}

/** Bytes of a length within bounds; of just `min` without `max`. */
export function isBytes(value: unknown, min: number, max: number = min): value is Uint8Array {
  return value instanceof Uint8Array && value.length >= min && value.length <= max
}

/** All of a list that is no longer than `max`; `undefined` when it is none, or one of it cannot be read. */
export function readList<T>(
  value: unknown,
  max: number,
  read: (item: unknown, at: number) => T | undefined,
): readonly T[] | undefined {
  if (!Array.isArray(value) || value.length > max) return undefined
  const items: T[] = []
  for (const [at, item] of value.entries()) {
    const known = read(item, at)
    if (known === undefined) return undefined
    items.push(known)
  }
  return items
}

/** Elements before the key: version, cluster, kind. */
const keyIndex = 3

const none = new Uint8Array()

/**
 * The bytes of a record's key without reading the rest of it, to put many records in order by; of what is no record anything, or
 * nothing. Never throws.
 */
export function keyBytesOf(body: Uint8Array): Uint8Array {
  // After the head of the array, which takes one byte for up to 23 elements.
  let at = 1
  for (let i = 0; i <= keyIndex; i++) {
    const head = body[at] ?? 0
    const { value, bytes } = argumentOf(body, at)
    // Texts and byte strings have content, whole numbers have none. Source: https://www.rfc-editor.org/rfc/rfc8949#section-3.1
    const length = head >> 5 === 2 || head >> 5 === 3 ? value : 0
    const start = at + bytes
    if (i === keyIndex) return body.subarray(start, start + length)
    at = start + length
  }
  return none
}

/** The number in or behind a head, as far as records have them before their key. */
function argumentOf(
  body: Uint8Array,
  at: number,
): { readonly value: number; readonly bytes: number } {
  const low = (body[at] ?? 0) & 31
  if (low < 24) return { value: low, bytes: 1 }
  if (low === 24) return { value: body[at + 1] ?? 0, bytes: 2 }
  return { value: ((body[at + 1] ?? 0) << 8) | (body[at + 2] ?? 0), bytes: 3 }
}

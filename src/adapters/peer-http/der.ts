/** The DER of ASN.1 values, as far as a certificate needs it. Source: https://www.itu.int/rec/T-REC-X.690 */

/** One value: tag, length, content. */
function value(tag: number, ...content: readonly Uint8Array[]): Buffer {
  const bytes = Buffer.concat(content)
  return Buffer.concat([Buffer.of(tag), lengthOf(bytes.length), bytes])
}

/** The long form from 128 bytes on, in as few bytes as it takes. */
function lengthOf(length: number): Buffer {
  if (length < 0x80) return Buffer.of(length)
  const hex = length.toString(16)
  const digits = Buffer.from(hex.padStart(hex.length + (hex.length % 2), '0'), 'hex')
  return Buffer.concat([Buffer.of(0x80 | digits.length), digits])
}

/** SEQUENCE. */
export const sequence = (...members: readonly Uint8Array[]): Buffer => value(0x30, ...members)

/** SET with one member. */
export const setOf = (member: Uint8Array): Buffer => value(0x31, member)

/** The value of an explicit tag, as in `[0] EXPLICIT`. */
export const explicit = (number: number, member: Uint8Array): Buffer => value(0xa0 | number, member)

/** A non-negative INTEGER of big-endian bytes. */
export function integer(bytes: Uint8Array): Buffer {
  const firstUsed = bytes.findIndex(byte => byte !== 0)
  const digits = firstUsed < 0 ? Buffer.of(0) : bytes.subarray(firstUsed)
  // A set high bit would mean a negative number.
  return (digits[0] ?? 0) < 0x80 ? value(0x02, digits) : value(0x02, Buffer.of(0), digits)
}

/** BIT STRING of whole bytes. */
export const bitString = (bytes: Uint8Array): Buffer => value(0x03, Buffer.of(0), bytes)

/** UTF8String. */
export const utf8String = (text: string): Buffer => value(0x0c, Buffer.from(text))

/** UTCTime, for years up to 2049: `YYMMDDhhmmssZ`. */
export const utcTime = (text: string): Buffer => value(0x17, Buffer.from(text))

/** GeneralizedTime: `YYYYMMDDhhmmssZ`. */
export const generalizedTime = (text: string): Buffer => value(0x18, Buffer.from(text))

/** OBJECT IDENTIFIER of its numbers. */
export function objectId(first: number, second: number, ...rest: readonly number[]): Buffer {
  return value(0x06, Buffer.from([first * 40 + second, ...rest.flatMap(base128)]))
}

function base128(number: number): readonly number[] {
  const digits = [number & 0x7f]
  for (let left = number >> 7; left > 0; left >>= 7) digits.unshift((left & 0x7f) | 0x80)
  return digits
}

/** A field of a message: its number and what it holds, bytes for what has a length. */
export type Field = readonly [number: number, value: number | Buffer]

/** A message of these fields, each a text, a number or another message: https://protobuf.dev/programming-guides/encoding/ */
export function encodeMessage(
  fields: readonly (readonly [number: number, value: string | number | Buffer])[],
): Buffer {
  return Buffer.concat(
    fields.map(([number, value]) => {
      if (typeof value === 'number') return Buffer.concat([varint(number * 8), varint(value)])
      const bytes = Buffer.from(value)
      return Buffer.concat([varint(number * 8 + 2), varint(bytes.length), bytes])
    }),
  )
}

/** The fields of a message in their order. Throws a `RangeError` when it is none. */
export function decodeMessage(bytes: Buffer): readonly Field[] {
  const fields: Field[] = []
  let at = 0
  const number = (): number => {
    let value = 0
    for (let shift = 0; shift < 64; shift += 7) {
      const byte = bytes.readUInt8(at++)
      value += (byte & 0x7f) * 2 ** shift
      if (byte < 0x80) return value
    }
    throw new RangeError('a number without end')
  }
  const take = (length: number): Buffer => {
    if (at + length > bytes.length) throw new RangeError('a field that is longer than its message')
    at += length
    return bytes.subarray(at - length, at)
  }
  while (at < bytes.length) {
    const key = number()
    const kind = key % 8
    const field = Math.floor(key / 8)
    if (kind === 0) fields.push([field, number()])
    else if (kind === 2) fields.push([field, take(number())])
    else if (kind === 1 || kind === 5) take(kind === 1 ? 8 : 4)
    else throw new RangeError(`a field of kind ${kind}`)
  }
  return fields
}

/** The last text under a number, empty where there is none. */
export function textIn(fields: readonly Field[], number: number): string {
  const found = fields.findLast(([one]) => one === number)?.[1]
  return Buffer.isBuffer(found) ? found.toString() : ''
}

function varint(value: number): Buffer {
  const bytes: number[] = []
  let rest = value
  for (; rest >= 0x80; rest = Math.floor(rest / 0x80)) bytes.push((rest % 0x80) + 0x80)
  return Buffer.from([...bytes, rest])
}

/** Reads a stream byte by byte or in runs, waiting for more where it has to. */
export interface ByteReader {
  /** The next byte, -1 at the end. */
  byte(): number
  /** Whether there are no more. */
  isOver(): boolean
  /** The next `length` bytes, valid until the next call. Throws where there are fewer. */
  take(length: number): Uint8Array
}

/** @param read the next piece of the stream, never empty; `undefined` at its end */
export function createByteReader(read: () => Uint8Array | undefined): ByteReader {
  let piece: Uint8Array = new Uint8Array()
  let at = 0
  let isAtEnd = false

  function isOver(): boolean {
    if (at < piece.length) return false
    if (isAtEnd) return true
    const next = read()
    isAtEnd = next === undefined
    piece = next ?? new Uint8Array()
    at = 0
    return isAtEnd
  }

  return {
    isOver,
    byte() {
      if (at >= piece.length && isOver()) return -1
      const value = piece[at] ?? -1
      at += 1
      return value
    },
    take(length) {
      if (piece.length - at >= length) {
        at += length
        return piece.subarray(at - length, at)
      }
      const taken = new Uint8Array(length)
      let done = 0
      while (done < length) {
        if (isOver()) throw new Error('unexpected end of file')
        const part = piece.subarray(at, at + length - done)
        taken.set(part, done)
        at += part.length
        done += part.length
      }
      return taken
    },
  }
}

/** A run of bytes in the middle of a blob, in one buffer whose room is used over and over: what passes through it makes no garbage. */
export interface ByteRing {
  /** Position of its first byte. */
  readonly base: number
  /** Position after its last byte. */
  readonly end: number
  /**
   * Copies in what comes next, as much as lies in one piece. Returns that piece, which stays as it is until it is trimmed; empty when
   * there is no room.
   */
  push(bytes: Uint8Array): Uint8Array
  /** Copies from `position` as much as is here and fits; 0 outside of the ring. */
  read(into: Uint8Array, position: number): number
  /** Makes room of what lies before `position`. */
  trim(position: number): void
  /** What lies at and after `position`, as pieces. */
  from(position: number): Uint8Array[]
}

/** An empty ring that begins at `base`, with room for so many bytes; they are taken with the first push. */
export function createByteRing(base: number, capacity: number): ByteRing {
  const start = base
  let end = base
  let memory: Buffer | undefined

  /** The bytes of a stretch as far as they lie in one piece. */
  function piece(position: number, maxBytes: number): Uint8Array {
    memory ??= Buffer.allocUnsafeSlow(capacity)
    const at = (position - start) % capacity
    return memory.subarray(at, Math.min(at + maxBytes, capacity))
  }

  function* pieces(position: number): Generator<Uint8Array> {
    for (let at = Math.max(position, base); at < end; ) {
      const next = piece(at, end - at)
      yield next
      at += next.byteLength
    }
  }

  return {
    get base() {
      return base
    },
    get end() {
      return end
    },
    push(bytes) {
      const room = capacity - (end - base)
      const taken = piece(end, Math.min(room, bytes.byteLength))
      taken.set(bytes.subarray(0, taken.byteLength))
      end += taken.byteLength
      return taken
    },
    read(into, position) {
      if (position < base) return 0
      let filled = 0
      for (const part of pieces(position)) {
        const fitting = part.subarray(0, into.byteLength - filled)
        into.set(fitting, filled)
        filled += fitting.byteLength
        if (filled === into.byteLength) break
      }
      return filled
    },
    trim(position) {
      base = Math.max(base, Math.min(position, end))
    },
    from: position => [...pieces(position)],
  }
}

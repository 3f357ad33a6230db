import { type ByteRun, copyPieces } from './byte-run.ts'

/** In one buffer whose room is used over and over: what passes through it makes no garbage. */
export interface ByteRing extends ByteRun {
  /**
   * Copies in what comes next, as much as lies in one piece. Returns that piece, which stays as it is until it is trimmed; empty when
   * there is no room.
   */
  push(bytes: Uint8Array): Uint8Array
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
    read: (into, position) => (position < base ? 0 : copyPieces(pieces(position), into)),
    trim(position) {
      base = Math.max(base, Math.min(position, end))
    },
    from: position => [...pieces(position)],
  }
}

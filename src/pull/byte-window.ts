/** A run of bytes in the middle of a blob, in memory, with chunks as they came. */
export interface ByteWindow {
  /** Position of its first byte. */
  readonly base: number
  /** Position after its last byte. */
  readonly end: number
  /** Adds what comes next; the chunk is kept, not copied. */
  push(chunk: Uint8Array): void
  /** Copies from `position` as much as is here and fits; 0 outside of the window. */
  read(into: Uint8Array, position: number): number
  /** Lets go of what lies before `position`, also of parts of chunks. */
  trim(position: number): void
  /** What lies at and after `position`, as chunks. */
  from(position: number): Uint8Array[]
}

/** An empty window that begins at `base`. */
export function createByteWindow(base: number): ByteWindow {
  const chunks: Uint8Array[] = []
  let end = base

  function* parts(position: number): Generator<Uint8Array> {
    let at = base
    for (const chunk of chunks) {
      const next = at + chunk.byteLength
      if (next > position) yield chunk.subarray(Math.max(position - at, 0))
      at = next
    }
  }

  return {
    get base() {
      return base
    },
    get end() {
      return end
    },
    push(chunk) {
      chunks.push(chunk)
      end += chunk.byteLength
    },
    read(into, position) {
      if (position < base) return 0
      let filled = 0
      for (const part of parts(position)) {
        const piece = part.subarray(0, into.byteLength - filled)
        into.set(piece, filled)
        filled += piece.byteLength
        if (filled === into.byteLength) break
      }
      return filled
    },
    trim(position) {
      for (let [first] = chunks; first !== undefined && base < position; [first] = chunks) {
        const passed = Math.min(position - base, first.byteLength)
        base += passed
        if (passed === first.byteLength) chunks.shift()
        else chunks[0] = first.subarray(passed)
      }
    },
    from: position => [...parts(position)],
  }
}

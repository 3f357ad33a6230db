import { type ByteRun, copyPieces } from './byte-run.ts'

/** In chunks as they came; what is let go of is also cut from a chunk. */
export interface ByteWindow extends ByteRun {
  /** Adds what comes next; the chunk is kept, not copied. */
  push(chunk: Uint8Array): void
}

/** An empty window that begins at `base`. */
export function createByteWindow(base: number): ByteWindow {
  const chunks: Uint8Array[] = []
  let end = base

  function* pieces(position: number): Generator<Uint8Array> {
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
    read: (into, position) => (position < base ? 0 : copyPieces(pieces(position), into)),
    trim(position) {
      for (let [first] = chunks; first !== undefined && base < position; [first] = chunks) {
        const passed = Math.min(position - base, first.byteLength)
        base += passed
        if (passed === first.byteLength) chunks.shift()
        else chunks[0] = first.subarray(passed)
      }
    },
    from: position => [...pieces(position)],
  }
}

import type { OpenBlob } from './blob-access.ts'

/** A stretch of a blob that was asked for. */
interface Piece {
  readonly from: number
  readonly bytes: Promise<Buffer>
}

/**
 * Reads more than is asked for, so that a blob read in small pieces does not cost a call for each, and, of one that is read from front to
 * back, what comes next while the piece before is used. As many pieces are held as are wanted `ahead`, and one more.
 */
export function readAhead(
  size: number,
  fetch: OpenBlob['read'],
  { pieceBytes, ahead }: { readonly pieceBytes: number; readonly ahead: number },
): OpenBlob['read'] {
  let pieces: readonly Piece[] = []
  /** Where the last read ended. */
  let reached: number | undefined

  function begin(from: number): Piece {
    const buffer = Buffer.allocUnsafeSlow(Math.min(pieceBytes, size - from))
    const piece = { from, bytes: fetch(buffer, from).then(got => buffer.subarray(0, got)) }
    piece.bytes.catch(() => {
      pieces = pieces.filter(one => one !== piece)
    })
    return piece
  }

  function pieceAt(position: number): Piece {
    const at = pieces.findIndex(({ from }) => position >= from && position < from + pieceBytes)
    const [piece = begin(position), ...next] = at < 0 ? [] : pieces.slice(at)
    pieces = [piece, ...next]
    if (position === reached) askAhead(piece.from)
    return piece
  }

  function askAhead(from: number): void {
    for (let nth = pieces.length; nth <= ahead; nth += 1) {
      const next = from + nth * pieceBytes
      if (next < size) pieces = [...pieces, begin(next)]
    }
  }

  return async (into, position) => {
    const wanted = into.subarray(0, Math.max(0, size - position))
    if (wanted.length === 0) return 0
    if (wanted.length >= pieceBytes) return fetch(wanted, position)
    const { from, bytes } = pieceAt(position)
    const fitting = (await bytes).subarray(position - from).subarray(0, wanted.length)
    wanted.set(fitting)
    reached = position + fitting.length
    return fitting.length
  }
}

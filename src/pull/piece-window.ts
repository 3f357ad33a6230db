import { createBell } from './bell.ts'

/** A stretch of a blob; `end` is the position after its last byte. */
export interface Piece {
  readonly start: number
  readonly end: number
}

/** One of those who fetch pieces. Rejects when it cannot go on. */
export interface PieceWorker {
  fetch(piece: Piece, signal: AbortSignal): Promise<readonly Uint8Array[]>
  /** It rejected and is asked no more. */
  failed(error: unknown): void
}

interface Flying {
  readonly piece: Piece
  readonly ending: AbortController
  copies: number
  chunks: readonly Uint8Array[] | undefined
}

/**
 * Fetches a stretch in pieces by several workers at once and gives them in order. No more than `windowPieces` of them are in memory or on
 * their way; a worker who has nothing else to do fetches the piece that everybody waits for once more. Throws the last worker's error
 * when none is left.
 */
export async function* fetchInPieces(
  whole: Piece,
  workers: readonly PieceWorker[],
  settings: { readonly pieceBytes: number; readonly windowPieces: number },
  signal: AbortSignal,
): AsyncGenerator<Uint8Array> {
  const { pieceBytes, windowPieces } = settings
  const bell = createBell()
  const over = new AbortController()
  const ends = AbortSignal.any([signal, over.signal])
  /** In order, from the piece that is given next. */
  const window: Flying[] = []
  let planned = whole.start
  let working = workers.length
  let failure: unknown

  const running = Promise.all(workers.map(work))
  try {
    for (let at = whole.start; at < whole.end; ) {
      const chunks = await first()
      yield* chunks
      window.shift()
      bell.ring()
      at = Math.min(at + pieceBytes, whole.end)
    }
  } finally {
    over.abort()
    bell.ring()
    await running
  }

  async function first(): Promise<readonly Uint8Array[]> {
    for (;;) {
      signal.throwIfAborted()
      const changed = bell.next()
      const chunks = window[0]?.chunks
      if (chunks !== undefined) return chunks
      if (working === 0) throw failure
      await changed
    }
  }

  async function work(worker: PieceWorker): Promise<void> {
    try {
      while (!over.signal.aborted && !isAllHere()) await step(worker)
    } catch (error) {
      if (over.signal.aborted) return
      failure = error
      worker.failed(error)
    } finally {
      working -= 1
      bell.ring()
    }
  }

  async function step(worker: PieceWorker): Promise<void> {
    const changed = bell.next()
    const flying = next()
    if (flying === undefined) await changed
    else await fetchOne(worker, flying)
  }

  function isAllHere(): boolean {
    return planned >= whole.end && window.every(({ chunks }) => chunks !== undefined)
  }

  /** A piece that nobody fetches, else one more while there is room, else the one that is waited for. */
  function next(): Flying | undefined {
    const dropped = window.find(({ chunks, copies }) => chunks === undefined && copies === 0)
    if (dropped !== undefined) return dropped
    if (planned < whole.end && window.length < windowPieces) return plan()
    const [head] = window
    return head?.chunks === undefined && head?.copies === 1 ? head : undefined
  }

  function plan(): Flying {
    const piece = { start: planned, end: Math.min(planned + pieceBytes, whole.end) }
    planned = piece.end
    const flying = { piece, ending: new AbortController(), copies: 0, chunks: undefined }
    window.push(flying)
    return flying
  }

  async function fetchOne(worker: PieceWorker, flying: Flying): Promise<void> {
    flying.copies += 1
    try {
      const chunks = await worker.fetch(flying.piece, AbortSignal.any([ends, flying.ending.signal]))
      flying.chunks ??= chunks
      flying.ending.abort()
      bell.ring()
    } catch (error) {
      if (!flying.ending.signal.aborted) throw error // else the other was faster
    } finally {
      flying.copies -= 1
    }
  }
}

import type { ServerResponse } from 'node:http'
import { TLSSocket } from 'node:tls'
import type { BlobReader } from '../ports/content-store.ts'
import { HoldfastError } from '../ports/errors.ts'
import { type BufferPool, type Loan, lend } from './buffer-pool.ts'
import type { ByteSpan } from './byte-range.ts'

/** How sending a blob ended. `bytes` were handed to the socket. */
export type SendOutcome =
  | { readonly kind: 'sent'; readonly bytes: number }
  /** The client closed the connection; with ranges it does so all the time. */
  | { readonly kind: 'client-left'; readonly bytes: number }
  /** The connection was cut before the last byte. */
  | {
      readonly kind: 'cut'
      readonly by: 'FIN' | 'RST'
      readonly bytes: number
      readonly error: unknown
    }
  /** It failed before anything was sent, head included: the caller still owes an answer. */
  | { readonly kind: 'not-begun'; readonly error: unknown }

/** Sets how fast may be sent. */
export interface Pace {
  /** Most bytes to take at once. */
  readonly pieceBytes: number
  /** Called before that many bytes are sent; `undefined`: at once. Stays pending for a transfer that ended meanwhile. */
  take(bytes: number): Promise<void> | undefined
}

interface Needs {
  readonly pool: BufferPool
  readonly pace?: Pace | undefined
  /** Writes the head: status and headers, with the exact `Content-Length` of the span. */
  readonly begin: () => void
  /** How long the head waits for the first bytes, in ms: a source that dies at once then still becomes an error status. */
  readonly headHeldMs: number
}

const clientLeft = Symbol('the client left')

/**
 * Sends `span` of a blob, held or still arriving, and closes the reader. Two pooled buffers take turns: one is filled while the
 * socket empties the other, and the socket sets the pace.
 *
 * When the source fails half way the connection is cut, always before the last byte. containerd resumes by `Range` after a FIN, so that
 * is for bytes that are good as far as they go; after a RST it throws away what it has, so that is for a byte that may be wrong.
 */
export async function sendBlob(
  response: ServerResponse,
  blob: BlobReader,
  span: ByteSpan,
  needs: Needs,
): Promise<SendOutcome> {
  const { socket } = response.req
  const whole = span.end - span.start
  let leave: ((reason: typeof clientLeft) => void) | undefined
  const onClose = (): void => leave?.(clientLeft)
  socket.once('close', onClose)

  let filling = lend(needs.pool)
  let emptying: Loan | undefined
  let written = Promise.resolve()
  let sent = 0
  let hasBegun = false
  let hasLeft = false

  try {
    await pump()
    return { kind: 'sent', bytes: sent }
  } catch (error) {
    return await fail(error)
  } finally {
    socket.removeListener('close', onClose)
    filling.end()
    emptying?.end()
    await blob.close()
  }

  async function pump(): Promise<void> {
    if (whole === 0) needs.begin()
    while (sent < whole) {
      const filled = fill(nextToFill(), span.start + sent)
      if (!hasBegun) await holdHead(filled)
      const length = await unlessLeft(filled)
      await unlessLeft(written)
      const turn = needs.pace?.take(length)
      if (turn !== undefined) await unlessLeft(turn)
      written = write(filling, length)
    }
    await unlessLeft(written)
    if (!response.writableEnded) response.end()
  }

  function nextToFill(): Loan {
    if (filling.isBusy()) [filling, emptying] = [emptying ?? lend(needs.pool), filling]
    return filling
  }

  /** Starts reading; the promise tells how many bytes came. */
  async function fill(into: Loan, position: number): Promise<number> {
    const wanted = Math.min(span.end - position, needs.pace?.pieceBytes ?? span.end)
    const { buffer } = into
    into.use()
    try {
      const length = await blob.read(
        wanted < buffer.length ? buffer.subarray(0, wanted) : buffer,
        position,
      )
      if (length > 0) return length
      throw new HoldfastError('blob-interrupted', `the blob ended at byte ${position}`)
    } finally {
      into.rest()
    }
  }

  /** Waits for the first bytes, but not for ever: a range far ahead of a download gets its head now and its bytes later. */
  async function holdHead(filled: Promise<number>): Promise<void> {
    let isFilled = false
    const settled = filled.then(() => {
      isFilled = true
    })
    let timer: NodeJS.Timeout | undefined
    const held = new Promise<void>(resolve => {
      timer = setTimeout(resolve, needs.headHeldMs)
    })
    try {
      await unlessLeft(Promise.race([settled, held]))
    } finally {
      clearTimeout(timer)
    }
    needs.begin()
    hasBegun = true
    if (!isFilled) response.flushHeaders()
  }

  /** Starts writing. Never rejects: a socket that failed is a client that left, which the next wait finds out. */
  function write(from: Loan, length: number): Promise<void> {
    const { buffer } = from
    const chunk = length === buffer.length ? buffer : buffer.subarray(0, length)
    sent += length
    from.use()
    return new Promise(resolve => {
      const onWritten = (error?: Error | null): void => {
        // Only now has the kernel taken the bytes, and only now may the buffer be filled anew.
        from.rest()
        if (error) hasLeft = true
        resolve()
      }
      if (length === whole) response.end(chunk, onWritten)
      else response.write(chunk, onWritten)
    })
  }

  /** Waits for one step. One slot for the waker, as a race against one long-lived promise would grow with every chunk. */
  function unlessLeft<T>(step: Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      leave = reject
      step.then(resolve, reject)
      if (hasLeft || socket.destroyed) reject(clientLeft)
    })
  }

  async function fail(error: unknown): Promise<SendOutcome> {
    if (error === clientLeft || socket.destroyed) return { kind: 'client-left', bytes: sent }
    if (!hasBegun) return { kind: 'not-begun', error }
    const by = cutBy(error)
    if (by === 'RST') {
      // A RST cannot be sent from within TLS; there the missing end of the session says the same.
      if (socket instanceof TLSSocket) socket.destroy()
      else socket.resetAndDestroy()
    } else {
      // What is on its way is good and worth delivering: it is not fetched again.
      await unlessLeft(written).catch(() => undefined)
      socket.destroy()
    }
    return { kind: 'cut', by, bytes: sent, error }
  }
}

/** RST only for what may be wrong; anything else that fails leaves good bytes behind. */
function cutBy(error: unknown): 'FIN' | 'RST' {
  const isDoubtful =
    error instanceof HoldfastError &&
    (error.code === 'blob-in-doubt' || error.code === 'wrong-digest')
  return isDoubtful ? 'RST' : 'FIN'
}

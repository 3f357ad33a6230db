import type { Dispatcher } from 'undici'
import { PeerFailure } from '../../ports/peer-port.ts'
import { createYoungCollector } from './collect-young.ts'
import { createInbox } from './inbox.ts'

/** One request on a connection to another node. */
export interface Asked {
  readonly method: 'GET' | 'POST'
  readonly path: string
  readonly headers: Readonly<Record<string, string>>
  readonly body: Uint8Array | undefined
  /** Ends it, also its body. */
  readonly signal: AbortSignal
  /** Silence in the body that is borne, ms. */
  readonly stallMs: number
  /** Names node and question, for failures. */
  readonly what: string
  /** An interim answer came (RFC 9110, 15.2). */
  readonly onInterim?: (() => void) | undefined
}

/** The head of an answer, and its body to come. */
export interface Answer {
  readonly status: number
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  /** From the request's first byte to the answer's head, without the time that a new connection took. */
  readonly roundTripMs: number
  /** Chunks in order; throws {@link PeerFailure} or the signal's reason. To be read to the end, or returned. */
  readonly body: AsyncIterator<Uint8Array>
  /** Settles when nothing more comes, read or not, and tells what it failed of. */
  readonly ended: Promise<Ending>
}

/** What an exchange failed of; `undefined`: of nothing. */
export type Ending = { readonly failure: unknown } | undefined

/** Bytes that may wait for a slow reader before the connection is made to wait, and how they are given to him. */
const gathering = { maxBytes: 512 * 1024, gatherBytes: 256 * 1024, gatherMs: 2 }

/** One for all connections: they share the heap. */
const countReceived = createYoungCollector()

/** Sends a request; settles with the head. Rejects with {@link PeerFailure} or the signal's reason. */
export function exchange(dispatcher: Dispatcher, asked: Asked): Promise<Answer> {
  const { signal, what } = asked
  if (signal.aborted) return Promise.reject(signal.reason)
  const head = Promise.withResolvers<Answer>()
  const ended = Promise.withResolvers<Ending>()
  const inbox = createInbox(gathering, () => controller?.resume())
  let sentAtMs = performance.now()
  let controller: Dispatcher.DispatchController | undefined
  let isOver = false

  function end(how: Ending): void {
    if (isOver) return
    isOver = true
    signal.removeEventListener('abort', onAbort)
    ended.resolve(how)
    inbox.end(how)
    if (how !== undefined) head.reject(how.failure)
  }

  /** Ends it from our side, which costs the connection. */
  function leave(failure: unknown): void {
    if (isOver) return
    end({ failure })
    controller?.abort(abandoned)
  }

  const onAbort = (): void => leave(signal.reason)

  const body: AsyncIterator<Uint8Array> = {
    next: inbox.next,
    async return() {
      leave(abandoned)
      return { done: true, value: undefined }
    },
  }

  const handler: Dispatcher.DispatchHandler = {
    onRequestStart(started) {
      controller = started
      sentAtMs = performance.now()
      if (isOver) started.abort(abandoned)
    },
    onResponseStart(_, status, headers) {
      if (status < 200) return void asked.onInterim?.()
      const roundTripMs = performance.now() - sentAtMs
      head.resolve({ status, headers, roundTripMs, body, ended: ended.promise })
    },
    onResponseData(of, chunk) {
      if (!inbox.push(chunk)) of.pause()
      countReceived(chunk.length)
    },
    onResponseEnd: () => end(undefined),
    onResponseError: (_, error) => end({ failure: failureOf(error, what) }),
  }

  signal.addEventListener('abort', onAbort, { once: true })
  const { method, path, headers, stallMs } = asked
  // Who asks bounds the wait for the head.
  const limits = { headersTimeout: 0, bodyTimeout: stallMs }
  dispatcher.dispatch({ method, path, headers, body: asked.body ?? null, ...limits }, handler)
  return head.promise
}

const abandoned = new Error('the question was given up')

/** Whether a kept connection was closed by the other side, so that the same question deserves a new one. */
export const isClosedConnection = (error: unknown): boolean =>
  error instanceof PeerFailure && error.code === 'unreachable' && codeOf(error.cause) in closed

const closed: Readonly<Record<string, true>> = {
  UND_ERR_SOCKET: true,
  ECONNRESET: true,
  EPIPE: true,
}

const codeOf = (error: unknown): string =>
  (error as NodeJS.ErrnoException | undefined)?.code ?? 'unknown'

function failureOf(error: unknown, what: string): PeerFailure {
  if (error instanceof PeerFailure) return error
  const code = codeOf(error)
  if (code === 'UND_ERR_BODY_TIMEOUT' || code === 'UND_ERR_HEADERS_TIMEOUT') {
    return new PeerFailure('timeout', `${what}: silent for too long`, error)
  }
  const isNonsense =
    (error as Error).name === 'HTTPParserError' ||
    code === 'UND_ERR_HEADERS_OVERFLOW' ||
    code === 'UND_ERR_RES_CONTENT_LENGTH_MISMATCH'
  return isNonsense
    ? new PeerFailure('protocol', `${what}: what came is not HTTP (${code})`, error)
    : new PeerFailure('unreachable', `${what}: the connection broke (${code})`, error)
}

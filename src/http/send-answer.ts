import type { ServerResponse } from 'node:http'
import { LRUCache } from 'lru-cache'
import { errorBody, OciError } from '../oci/errors.ts'
import { HoldfastError, UpstreamFailure } from '../ports/errors.ts'
import {
  type ErrorAnswer,
  failureAnswer,
  holdfastAnswer,
  ociStatus,
  type WireErrorCode,
} from './error-status.ts'

/** Header names and values in turn, the form that costs node least. Values must come through {@link headerText} when not ours. */
export type RawHeaders = string[]

/** Characters of a message or reason that go to a client; containerd 1.x closes the connection after an error with a long body. */
const maxWords = 400

/** Sends a whole answer, body and all; nothing when an answer was sent already or the client has left. */
export function sendAnswer(
  response: ServerResponse,
  status: number,
  headers: RawHeaders,
  body: Uint8Array | string | undefined,
): void {
  if (response.headersSent || response.destroyed) return
  response.writeHead(status, headers)
  if (body === undefined || response.req.method === 'HEAD') response.end()
  else response.end(body)
}

/** Sends JSON with its length, under the media type given. */
export function sendJson(
  response: ServerResponse,
  status: number,
  headers: RawHeaders,
  json: string,
  mediaType = 'application/json',
): void {
  headers.push('Content-Type', mediaType, 'Content-Length', `${Buffer.byteLength(json)}`)
  sendAnswer(response, status, headers, json)
}

/** An error as the client sees it. */
export interface ErrorWords {
  readonly code: WireErrorCode
  readonly message: string
  /** Anything JSON can say; strings in it are sent as they are, so keep them short. */
  readonly detail?: unknown
}

/** Sends an error in the distribution spec's form. */
export function sendError(
  response: ServerResponse,
  status: number,
  { code, message, detail }: ErrorWords,
  headers: RawHeaders = [],
): void {
  const words = shorten(message)
  const json =
    code === 'UNKNOWN'
      ? JSON.stringify({ errors: [{ code, message: words, detail }] })
      : errorBody(code, words, detail)
  sendJson(response, status, headers, json)
}

/** Sends a malformed question back, with the status its code has. */
export function sendOciError(response: ServerResponse, error: OciError): void {
  const status = ociStatus[error.code]
  // RFC 9110 wants to be told what is allowed with every 405.
  const headers = status === 405 ? ['Allow', 'GET, HEAD'] : []
  sendError(response, status, error, headers)
}

/** What to answer when a journey failed. `isExpected` is false for faults of our own, which are logged as such. */
export function answerTo(error: unknown): ErrorAnswer & { readonly isExpected: boolean } {
  if (error instanceof OciError) {
    return { status: ociStatus[error.code], code: error.code, isExpected: true }
  }
  if (error instanceof UpstreamFailure) return { ...failureAnswer[error.code], isExpected: true }
  if (error instanceof HoldfastError) {
    const isExpected = error.code === 'blob-interrupted' || error.code === 'blob-in-doubt'
    return { ...holdfastAnswer[error.code], isExpected }
  }
  return { status: 503, code: 'UNKNOWN', isExpected: false }
}

/** Cuts words that go to a client. */
export function shorten(words: string): string {
  return words.length > maxWords ? `${words.slice(0, maxWords)}…` : words
}

/** A text from outside, fit for a header value: whatever is not printable ASCII becomes a question mark. */
export const headerText: (text: string) => string = remember(text =>
  text.replace(/[^\x20-\x7e]/g, '?'),
)

/**
 * A `Warning` header as the distribution spec has it.
 * Source: https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#warnings
 */
export const warningText: (words: string) => string = remember(
  words => `299 - "${headerText(shorten(words)).replace(/["\\]/g, '\\$&')}"`,
)

/** Remembers what was made of the last texts: the same few media types and reasons come over and over. */
function remember(make: (text: string) => string): (text: string) => string {
  const known = new LRUCache<string, string>({ max: 100 })
  return text => {
    const remembered = known.get(text)
    if (remembered !== undefined) return remembered
    const made = make(text)
    known.set(text, made)
    return made
  }
}

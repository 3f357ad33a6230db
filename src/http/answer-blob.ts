import type { Digest } from '../oci/digest.ts'
import { formatRepository } from '../oci/reference.ts'
import type { Clock } from '../ports/clock.ts'
import type { Log } from '../ports/log.ts'
import { isAbsent } from '../pull/absent.ts'
import type { OpenBlob, OpenedBlob, StatBlob } from '../pull/get-blob.ts'
import { type BufferPool, createBufferPool } from '../wire/buffer-pool.ts'
import { type ByteSpan, parseRange, type RequestedRange, spanOf } from '../wire/byte-range.ts'
import { type SendOutcome, sendBlob } from '../wire/send-blob.ts'
import { pathOf } from './client-path.ts'
import type { MirrorObserver } from './mirror-observer.ts'
import type { Question } from './mirror-question.ts'
import { type RawHeaders, sendAnswer, sendError, shorten } from './send-answer.ts'

interface Parts {
  readonly openBlob: OpenBlob
  readonly statBlob: StatBlob
  /** Whether a digest is known to be a manifest's. */
  readonly isManifest: (digest: Digest) => boolean
  /** A client asks for a blob. @returns called when that is over, with whether it was sent all it asked for */
  readonly onAsked: (digest: Digest) => (isSent: boolean) => void
  readonly clock: Clock
  readonly log: Log
  readonly observer: MirrorObserver
}

interface Options {
  /** How long the head of an answer waits for its first bytes, in ms. */
  readonly headHeldMs: number
}

/** Answers a question for a blob. */
export type AnswerBlob = (question: Question, digest: Digest) => Promise<void>

/**
 * Blobs, whole or by one range. Several ranges are answered with the whole. A manifest's digest is 404 here: containerd asks for it
 * when a manifest was found nowhere, and a 200 would make it take the manifest for a layer.
 */
export function createAnswerBlob(parts: Parts, { headHeldMs }: Options): AnswerBlob {
  const pool: BufferPool = createBufferPool()
  const { clock, log, observer } = parts

  return async (question, digest) => {
    if (parts.isManifest(digest)) {
      return sendUnknown(question, digest, 'it is a manifest: ask under /manifests/')
    }
    if (question.isHead) return tellSize(question, digest)
    const leaving = watchLeaving(question)
    const end = parts.onAsked(digest)
    let isSent = false
    try {
      isSent = await answer(question, digest, leaving)
    } finally {
      leaving.end()
      end(isSent)
    }
  }

  /** @returns whether all was sent that was asked for */
  async function answer(question: Question, digest: Digest, leaving: Leaving): Promise<boolean> {
    const { asked, response } = question
    const { repository } = asked
    const range = requestedRange(question)
    const { signal } = leaving
    const blob = await parts.openBlob(repository, digest, { ...openOptions(range), signal })
    if (isAbsent(blob)) {
      sendUnknown(question, digest, blob.reason, blob.failure)
      return false
    }
    // From here on the source's own stall limit bounds the waiting, however long the blob.
    leaving.hasOpened()
    const { size } = blob
    // Every GET of some containerd 2.1 has `bytes=0-`; of an empty blob that is not satisfiable, and a 416 would end the pull.
    const span = range === undefined || size === 0 ? { start: 0, end: size } : spanOf(range, size)
    if (span !== 'unsatisfiable' && !response.headersSent) {
      return send(question, digest, blob, { span, isPart: range !== undefined })
    }
    await blob.close()
    sendUnsatisfiable(question, size)
    return false
  }

  /** A `HEAD` fetches nothing; a `Range` has no meaning for it. */
  async function tellSize(question: Question, digest: Digest): Promise<void> {
    const found = await parts.statBlob(question.asked.repository, digest, question.signal)
    if (isAbsent(found)) return sendUnknown(question, digest, found.reason, found.failure)
    const headers = blobHeaders(question, digest, found, { start: 0, end: found.size })
    sendAnswer(question.response, 200, headers, undefined)
  }

  async function send(
    question: Question,
    digest: Digest,
    blob: OpenedBlob,
    { span, isPart }: { readonly span: ByteSpan; readonly isPart: boolean },
  ): Promise<boolean> {
    const { response } = question
    const startedAtMs = clock.monotonicMs()
    const headers = blobHeaders(question, digest, blob, span)
    const isRange = isPart && blob.size > 0
    if (isRange) headers.push('Content-Range', `bytes ${span.start}-${span.end - 1}/${blob.size}`)
    const outcome = await sendBlob(response, blob, span, {
      pool,
      headHeldMs,
      begin: () => void response.writeHead(isRange ? 206 : 200, headers),
    })
    if (outcome.kind === 'not-begun') throw outcome.error
    const path = pathOf(question.request.headers)
    observer.blobSent(blob.source, outcome.kind, outcome.bytes, path)
    const durationMs = Math.round(clock.monotonicMs() - startedAtMs)
    tell(question, digest, blob.source, outcome, durationMs)
    return outcome.kind === 'sent'
  }

  function tell(
    { asked }: Question,
    digest: Digest,
    source: string,
    outcome: Exclude<SendOutcome, { kind: 'not-begun' }>,
    durationMs: number,
  ): void {
    const fields = {
      repository: formatRepository(asked.repository),
      digest,
      source,
      bytes: outcome.bytes,
      durationMs,
    }
    if (outcome.kind === 'sent') log.debug(fields, 'blob sent')
    else if (outcome.kind === 'client-left') log.debug(fields, 'the client has what it wanted')
    else log.warn({ ...fields, err: outcome.error, by: outcome.by }, 'blob cut before its end')
  }
}

/** Ends a blob's question when its client leaves or, before it is opened, when the answer is overdue. */
interface Leaving {
  readonly signal: AbortSignal
  hasOpened(): void
  end(): void
}

function watchLeaving({ request, signal }: Question): Leaving {
  const controller = new AbortController()
  const { socket } = request
  const abort = (): void => controller.abort(signal.reason)
  const left = (): void => controller.abort(new DOMException('the client left', 'AbortError'))
  signal.addEventListener('abort', abort)
  socket.once('close', left)
  return {
    signal: controller.signal,
    hasOpened: () => signal.removeEventListener('abort', abort),
    end: () => {
      signal.removeEventListener('abort', abort)
      socket.removeListener('close', left)
    },
  }
}

/** Without validators of our own an `If-Range` cannot match, and then RFC 9110 wants the whole. */
function requestedRange({ request }: Question): RequestedRange | undefined {
  const { headers } = request
  return headers['if-range'] === undefined ? parseRange(headers.range) : undefined
}

/** A suffix has no place before the size is known: then the whole is opened, and only its end is read. */
function openOptions(range: RequestedRange | undefined): { start?: number; end?: number } {
  if (range?.kind !== 'from') return {}
  return range.last === undefined ? { start: range.first } : { start: range.first, end: range.last }
}

function blobHeaders(
  { asked }: Question,
  digest: Digest,
  { source }: Pick<OpenedBlob, 'source'>,
  span: ByteSpan,
): RawHeaders {
  return [
    'Docker-Content-Digest',
    digest,
    'Content-Type',
    'application/octet-stream',
    'Content-Length',
    String(span.end - span.start),
    'Accept-Ranges',
    'bytes',
    'OCI-Namespace',
    asked.namespace,
    'Holdfast-Source',
    source,
  ]
}

function sendUnsatisfiable({ response }: Question, size: number): void {
  const message = `the blob has ${size} bytes`
  sendError(response, 416, { code: 'RANGE_INVALID', message }, ['Content-Range', `bytes */${size}`])
}

function sendUnknown(
  { response, asked }: Question,
  digest: Digest,
  reason: string,
  failure?: string,
): void {
  const message = `no blob ${digest} for ${formatRepository(asked.repository)}`
  const detail = { reason: shorten(reason), failure }
  sendError(response, 404, { code: 'BLOB_UNKNOWN', message, detail }, [
    'OCI-Namespace',
    asked.namespace,
  ])
}

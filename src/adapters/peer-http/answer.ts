import type { IncomingMessage, ServerResponse } from 'node:http'
import {
  type PeerAnswer,
  PeerFailure,
  type PeerService,
  type PeerStream,
  workingEveryMs,
} from '../../ports/peer-port.ts'
import { type BufferPool, createBufferPool } from '../../wire/buffer-pool.ts'
import { type ByteSpan, parseRange, type RequestedRange, spanOf } from '../../wire/byte-range.ts'
import { sendBlob } from '../../wire/send-blob.ts'
import type { ChunkHashes } from './chunk-hashes.ts'
import type { PeerConnection } from './connections.ts'
import type { PeerPortObserver } from './observer.ts'
import { createQuestionBudget, type QuestionShare } from './question-budget.ts'
import type { Question } from './read-question.ts'
import { type Refusal, statusOf } from './statuses.ts'
import type { UploadLimits } from './upload-limits.ts'

/** One request of a member. */
export interface PeerRequest {
  readonly request: IncomingMessage
  readonly response: ServerResponse
  readonly from: PeerConnection
  /** Aborts when the connection ended, or the time is over. */
  readonly signal: AbortSignal
}

/** Answers one question. Rejects with what it failed of, when no head was sent yet. */
export type AnswerPeer = (question: Question, asked: PeerRequest) => Promise<void>

type ContentQuestion<Kind extends Question['kind']> = Extract<Question, { kind: Kind }>

/** A question that is refused as a whole. */
class Refused extends Error {
  readonly refusal: Refusal

  constructor(refusal: Refusal) {
    super(refusal)
    this.refusal = refusal
  }
}

const binary = 'application/octet-stream'
/** What is held of long questions at a time, of all nodes and of each. */
const questionBudget = { totalBytes: 32 * 1024 * 1024, bytesPerPeer: 8 * 1024 * 1024 }
/** The head of a blob comes with its first bytes: who asked must be able to turn elsewhere until then. */
const headHeldMs = 600_000

/** Makes what answers members' questions. `maxQuestionBytes` bounds what is taken in. */
export function createAnswerPeer(
  needs: {
    readonly service: PeerService
    readonly chunkHashes: ChunkHashes
    readonly uploads: UploadLimits
    readonly observer: PeerPortObserver
  },
  { maxQuestionBytes }: { readonly maxQuestionBytes: number },
): AnswerPeer {
  const { service, chunkHashes, uploads, observer } = needs
  const pool: BufferPool = createBufferPool()
  const budget = createQuestionBudget(questionBudget)

  return async (question, asked) => {
    switch (question.kind) {
      case 'call':
        return call(found(service.answers.get(question.subject)), asked)
      case 'stream':
        return stream(found(service.streams.get(question.subject)), asked)
      case 'manifest':
        return manifest(question, asked)
      case 'chunks':
        return chunks(question, asked)
      case 'blob':
        return blob(question, asked)
    }
  }

  async function call(answer: PeerAnswer, asked: PeerRequest): Promise<void> {
    const share = budget.begin(asked.from.id)
    try {
      const question = await readBody(asked, maxQuestionBytes, share)
      const bytes = await answer(question, asked.from.id, asked.signal)
      sendBytes(asked.response, bytes, ['Content-Type', binary])
    } finally {
      share.end()
    }
  }

  async function stream(start: PeerStream, asked: PeerRequest): Promise<void> {
    const { response, from, signal } = asked
    const question = await readStreamQuestion(asked)
    const upload = uploads.begin(from.id, 'background')
    try {
      let hasBegun = false
      for await (const chunk of start(question, from.id, signal)) {
        if (!hasBegun) response.writeHead(200, ['Content-Type', binary])
        hasBegun = true
        const step = upload?.pieceBytes ?? Math.max(chunk.length, 1)
        for (let at = 0; at < chunk.length; at += step) {
          const piece = chunk.subarray(at, at + step)
          await upload?.take(piece.length)
          await write(asked, piece)
        }
      }
      if (!hasBegun) response.writeHead(200, ['Content-Type', binary])
      response.end()
    } finally {
      upload?.end()
    }
  }

  /** It says from where on, and so is short. */
  async function readStreamQuestion(asked: PeerRequest): Promise<Buffer> {
    const share = budget.begin(asked.from.id)
    try {
      return await readBody(asked, maxQuestionBytes, share)
    } finally {
      share.end()
    }
  }

  async function manifest(
    { digest, repository }: ContentQuestion<'manifest'>,
    { response, signal }: PeerRequest,
  ): Promise<void> {
    const { mediaType, bytes } = found(await service.getManifest(digest, repository, signal))
    sendBytes(response, bytes, ['Content-Type', mediaType])
  }

  async function chunks(
    { digest, repository, first, last }: ContentQuestion<'chunks'>,
    { response, from, signal }: PeerRequest,
  ): Promise<void> {
    const wanted = { digest, repository, offset: 0, relay: false, priority: 'background' } as const
    const open = () => service.openBlob(wanted, from.id, signal)
    const asked = { digest, repository, first, ...(last === undefined ? {} : { last }) }
    const told = found(await chunkHashes.tell(asked, open, signal))
    sendBytes(response, told.hashes, [
      'Content-Type',
      binary,
      'Holdfast-Blob-Size',
      String(told.size),
    ])
  }

  async function blob(question: ContentQuestion<'blob'>, asked: PeerRequest): Promise<void> {
    const stopSaying = question.relay ? sayWorking(asked.response) : () => {}
    try {
      await openAndSend(question, asked, stopSaying)
    } finally {
      stopSaying()
    }
  }

  async function openAndSend(
    question: ContentQuestion<'blob'>,
    asked: PeerRequest,
    onBegin: () => void,
  ): Promise<void> {
    const { response, from, signal } = asked
    const { digest, repository, relay, priority } = question
    const range = parseRange(asked.request.headers.range)
    const wanted = { digest, repository, relay, priority, ...placeOf(range) }
    const reader = found(await service.openBlob(wanted, from.id, signal))
    const { size } = reader
    const span = spanIn(range, size)
    if (span === 'unsatisfiable') {
      await reader.close()
      throw new Refused('no-such-part')
    }
    const isPart = range !== undefined && size > 0
    const headers = ['Content-Type', binary, 'Content-Length', String(span.end - span.start)]
    if (isPart) headers.push('Content-Range', `bytes ${span.start}-${span.end - 1}/${size}`)
    const upload = uploads.begin(from.id, priority)
    try {
      const begin = (): void => {
        onBegin()
        response.writeHead(isPart ? 206 : 200, headers)
      }
      const outcome = await sendBlob(response, reader, span, {
        pool,
        pace: upload,
        headHeldMs,
        begin,
      })
      if (outcome.kind === 'not-begun') throw outcome.error
      observer.blobSent(priority, outcome.kind, outcome.bytes)
    } finally {
      upload?.end()
    }
  }
}

/** Tells who waits for what is still being fetched that this node is at it; until the head goes out. */
function sayWorking(response: ServerResponse): () => void {
  const timer = setInterval(() => response.writeProcessing(), workingEveryMs)
  response.once('close', () => clearInterval(timer))
  return () => clearInterval(timer)
}

/** A suffix has no place before the size is known. */
function placeOf(range: RequestedRange | undefined): { offset: number; end?: number } {
  if (range?.kind !== 'from') return { offset: 0 }
  return range.last === undefined
    ? { offset: range.first }
    : { offset: range.first, end: range.last }
}

/** From the first byte on there is a part even of an empty blob: all of it. */
function spanIn(range: RequestedRange | undefined, size: number): ByteSpan | 'unsatisfiable' {
  const isAll = range === undefined || (size === 0 && placeOf(range).offset === 0)
  return isAll ? { start: 0, end: size } : spanOf(range, size)
}

function found<T>(thing: T | undefined): T {
  if (thing === undefined) throw new Refused('absent')
  return thing
}

/** The question's bytes. Not by iterating: to leave that early ends the connection, and the refusal with it. */
async function readBody(
  { request, signal }: PeerRequest,
  maxBytes: number,
  share: QuestionShare,
): Promise<Buffer> {
  if (Number(request.headers['content-length'] ?? 0) > maxBytes) throw new Refused('too-large')
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  const chunks: Buffer[] = []
  let length = 0
  const onData = (chunk: Buffer): void => {
    length += chunk.length
    if (length > maxBytes) reject(new Refused('too-large'))
    else if (share.take(chunk.length)) chunks.push(chunk)
    else reject(new Refused('busy'))
  }
  const onAbort = (): void => reject(signal.reason)
  request.on('data', onData)
  request.once('end', resolve)
  signal.addEventListener('abort', onAbort, { once: true })
  try {
    await promise
    return Buffer.concat(chunks, length)
  } finally {
    request.removeListener('data', onData)
    request.removeListener('end', resolve)
    signal.removeEventListener('abort', onAbort)
  }
}

/** Answers with bytes, and is done with them when this returns: the caller does not change them. */
function sendBytes(response: ServerResponse, bytes: Uint8Array, headers: readonly string[]): void {
  response.writeHead(200, [...headers, 'Content-Length', String(bytes.length)])
  response.end(bytes)
}

/** Writes a piece; settles when the system has taken it. Rejects when the connection ended: node forgets to call back then. */
async function write({ response, signal }: PeerRequest, piece: Uint8Array): Promise<void> {
  signal.throwIfAborted()
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  const onAbort = (): void => reject(signal.reason)
  signal.addEventListener('abort', onAbort, { once: true })
  response.write(piece, error => (error ? reject(error) : resolve()))
  try {
    await promise
  } finally {
    signal.removeEventListener('abort', onAbort)
  }
}

/** What is told of a failure: a code, and nothing of its text. */
export function refusalOf(error: unknown): Refusal {
  if (error instanceof Refused) return error.refusal
  if (!(error instanceof PeerFailure)) return 'failed'
  const { code } = error
  return code === 'absent' || code === 'busy' || code === 'refused' ? code : 'failed'
}

/** Answers with a refusal. */
export function sendRefusal(response: ServerResponse, refusal: Refusal): void {
  const body = JSON.stringify({ code: refusal })
  response.writeHead(statusOf(refusal), [
    'Content-Type',
    'application/json',
    'Content-Length',
    String(Buffer.byteLength(body)),
  ])
  response.end(body)
}

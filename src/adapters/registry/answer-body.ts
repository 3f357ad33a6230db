import type { Readable } from 'node:stream'
import { UpstreamFailure } from '../../ports/errors.ts'
import { headerOf, protocolFailure, readHttpDate } from './classify.ts'
import { failureOf } from './failure.ts'
import { describeUrl } from './origin.ts'
import type { HttpAnswer } from './transport.ts'

/** Bytes of an unwanted body that are read to keep its connection; a longer one costs the connection. */
const maxDiscardedBytes = 64 * 1024

/**
 * Reads a body whole.
 * @throws UpstreamFailure `protocol` when it is longer than `maxBytes` or encoded, else what the connection died of
 */
export async function readWhole(answer: HttpAnswer, maxBytes: number): Promise<Buffer> {
  refuseEncoding(answer)
  const chunks: Buffer[] = []
  let size = 0
  try {
    for await (const chunk of answer.body as AsyncIterable<Buffer>) {
      size += chunk.length
      if (size > maxBytes) throw protocolFailure(answer.url, `more than ${maxBytes} bytes`)
      chunks.push(chunk)
    }
  } catch (error) {
    throw failureOf(error, describeUrl(answer.url))
  }
  return Buffer.concat(chunks, size)
}

/** The beginning of a refusal's body as text, whatever happens to the rest of it; never throws. */
export async function readRefusal({ body }: HttpAnswer): Promise<string> {
  const chunks: Buffer[] = []
  let size = 0
  try {
    for await (const chunk of body as AsyncIterable<Buffer>) {
      chunks.push(chunk)
      size += chunk.length
      if (size > maxDiscardedBytes) break
    }
  } catch {
    // A refusal cut short still refuses; what came of its words is enough.
  }
  return Buffer.concat(chunks, size).toString()
}

/** Gets rid of a body that nobody wants: a short one is read away, so that its connection stays warm. */
export function discard(body: Readable): void {
  let size = 0
  body.on('error', () => {})
  body.on('data', (chunk: Buffer) => {
    size += chunk.length
    if (size > maxDiscardedBytes) body.destroy()
  })
}

/** Digests are of plain bytes and nobody was asked to encode: what is encoded anyway is refused. */
export function refuseEncoding({ headers, url, body }: HttpAnswer): void {
  const encoding = headerOf(headers, 'content-encoding')
  if (encoding === undefined || encoding.toLowerCase() === 'identity') return
  body.on('error', () => {})
  body.destroy()
  throw protocolFailure(url, `bytes encoded as ${encoding.slice(0, 40)}`)
}

/** `Content-Length`, when it is a whole number of bytes. */
export function lengthOf({ headers }: Pick<HttpAnswer, 'headers'>): number | undefined {
  const text = headerOf(headers, 'content-length') ?? ''
  const length = Number(text)
  return /^\d+$/.test(text) && Number.isSafeInteger(length) ? length : undefined
}

/** The registry's own time of an answer in ms since the epoch: `Date` plus the `Age` that caches on the way added. */
export function dateOf({ headers }: Pick<HttpAnswer, 'headers'>): number | undefined {
  const dateMs = readHttpDate(headerOf(headers, 'date') ?? '')
  const ageText = headerOf(headers, 'age') ?? '0'
  if (dateMs === undefined) return undefined
  return dateMs + (/^\d{1,9}$/.test(ageText) ? Number(ageText) * 1000 : 0)
}

/** What an abort is to someone who asked: an answer that did not come in time. */
export function abortedFailure(signal: AbortSignal, url: string): UpstreamFailure {
  const { reason } = signal
  if (reason instanceof UpstreamFailure) return reason
  const message = `${describeUrl(url)} did not answer before the question ended`
  return new UpstreamFailure('unreachable', 'timeout', message, { cause: reason })
}

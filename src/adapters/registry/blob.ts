import type { Digest } from '../../oci/digest.ts'
import { UpstreamFailure } from '../../ports/errors.ts'
import type { BlobAnswer, Sender } from '../../ports/upstream.ts'
import { abortedFailure, lengthOf, refuseEncoding } from './answer-body.ts'
import type { Answered } from './ask.ts'
import { headerOf, protocolFailure } from './classify.ts'
import { failureOf } from './failure.ts'
import type { Inquirer } from './inquirer.ts'
import { describeUrl } from './origin.ts'
import type { Attempt } from './trial.ts'

/** A blob on its way, and how to do without it. */
export interface OpenBlob extends BlobAnswer {
  /** Cuts the connection; for an answer whose body nobody begins to read. */
  drop(): void
}

/** Where an answer's bytes lie in the blob. */
interface Extent {
  readonly offset: number
  /** Bytes in this answer, when it says so. */
  readonly length: number | undefined
  /** Of the whole blob. */
  readonly size: number | undefined
}

/**
 * Opens a blob at `offset`, or at 0 where ranges are ignored or that offset lies beyond the end. In the background only its first byte
 * is asked for.
 */
export async function askBlob(
  inquirer: Inquirer,
  sender: Sender,
  digest: Digest,
  offset: number,
): Promise<OpenBlob> {
  const { isBackground } = inquirer.attempt
  const answer = await (isBackground ? sample(inquirer, digest) : openAt(inquirer, digest, offset))
  try {
    refuseEncoding(answer)
    const extent = isBackground ? nothing : readExtent(answer, offset)
    const { body } = answer
    return {
      offset: extent.offset,
      size: extent.size,
      body: { [Symbol.asyncIterator]: () => readBody(answer, extent, inquirer.attempt, sender) },
      sender,
      drop: () => body.destroy(),
    }
  } catch (error) {
    answer.body.destroy()
    throw error
  }
}

const nothing: Extent = { offset: 0, length: undefined, size: undefined }

function sample(inquirer: Inquirer, digest: Digest): Promise<Answered> {
  const headers = { range: 'bytes=0-0' }
  return inquirer.ask({ method: 'GET', path: `blobs/${digest}`, headers })
}

async function openAt(inquirer: Inquirer, digest: Digest, offset: number): Promise<Answered> {
  const inquiry = { method: 'GET', path: `blobs/${digest}` } as const
  if (offset === 0) return inquirer.ask(inquiry)
  try {
    return await inquirer.ask({ ...inquiry, headers: { range: `bytes=${offset}-` } })
  } catch (error) {
    // More was held than there is: what is held is not this blob.
    const isBeyondEnd = error instanceof UpstreamFailure && error.status === 416
    if (!isBeyondEnd) throw error
    return inquirer.ask(inquiry)
  }
}

/** @throws UpstreamFailure `protocol` for a part that was not asked for */
function readExtent(answer: Answered, asked: number): Extent {
  if (answer.status === 200) {
    const size = lengthOf(answer)
    return { offset: 0, length: size, size }
  }
  const range = headerOf(answer.headers, 'content-range') ?? ''
  const found = /^bytes (\d{1,15})-(\d{1,15})\/(\d{1,15}|\*)$/.exec(range)
  const [start, end] = [Number(found?.[1]), Number(found?.[2])]
  const size = found?.[3] === '*' ? undefined : Number(found?.[3])
  const isWhole = size === undefined || end === size - 1
  if (asked === 0 || start !== asked || !(end >= start) || !isWhole) {
    const part = JSON.stringify(range.slice(0, 80))
    throw protocolFailure(answer.url, `${part} to a request from byte ${asked} on`)
  }
  return { offset: asked, length: end - start + 1, size }
}

/** The chunks of a body, held to the length announced. Written out because a generator that was never begun cannot be closed. */
function readBody(
  answer: Answered,
  { length }: Extent,
  { signal, witness, broke }: Attempt,
  sender: Sender,
): AsyncIterator<Uint8Array> {
  const { body, url } = answer
  const chunks: AsyncIterator<Buffer> = body[Symbol.asyncIterator]()
  let received = 0

  function fail(error: unknown): UpstreamFailure {
    body.destroy()
    if (signal.aborted) return abortedFailure(signal, url)
    const failure = failureOf(error, describeUrl(url))
    sender.broke()
    // A link that drops a connection can be asked again at once, and tells then whether it is down.
    if (failure.reason !== 'reset') broke(failure)
    return failure
  }

  return {
    async next() {
      let result: IteratorResult<Buffer>
      try {
        result = await chunks.next()
      } catch (error) {
        throw fail(error)
      }
      if (result.done) {
        if (length !== undefined && received < length) throw fail(early(url, received, length))
        return { done: true, value: undefined }
      }
      witness.heard()
      received += result.value.length
      if (length !== undefined && received > length) {
        throw fail(protocolFailure(url, `more than the ${length} bytes announced`))
      }
      return { done: false, value: result.value }
    },
    async return() {
      body.destroy()
      return { done: true, value: undefined }
    },
  }
}

function early(url: string, received: number, length: number): UpstreamFailure {
  const message = `${describeUrl(url)} ended after ${received} of ${length} bytes`
  return new UpstreamFailure('unreachable', 'reset', message)
}

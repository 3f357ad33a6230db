import { type ClientDuplexStream, status } from '@grpc/grpc-js'
import type { BlobInfo, BlobReader } from '../../ports/content-store.ts'
import type { ContainerdApi } from './api.ts'
import type { WriteRequest, WriteResponse } from './definitions.ts'
import { ContainerdFailure, statusOf } from './failure.ts'

/** Bytes a message. */
const pieceBytes = 256 * 1024
/** Messages that are on their way. */
const maxInFlight = 8
/** containerd may be writing to a memory card, ms. */
const stallMs = 60_000

/** One blob has one place on its way in, so that a second try goes on where the first ended. */
export const refOf = (digest: string): string => `holdfast-${digest}`

/**
 * Writes a blob into containerd, which verifies it. Returns whether it was there already, its labels then untouched. Rejects with what
 * containerd says, and when it says nothing for a minute.
 *
 * @param parts.open called unless it is there already
 */
export async function writeBlob(
  api: Pick<ContainerdApi, 'openWrite'>,
  { digest, size }: BlobInfo,
  parts: {
    readonly lease: string
    readonly labels: Readonly<Record<string, string>>
    readonly open: () => Promise<BlobReader>
    readonly signal: AbortSignal
  },
): Promise<'written' | 'there'> {
  const head = { ref: refOf(digest), total: size, expected: digest }
  const stream = api.openWrite(parts.lease)
  const talk = converse(stream, parts.signal)
  let reader: BlobReader | undefined
  try {
    talk.say({ ...head, action: 'STAT', offset: 0 })
    const { offset: begun } = await talk.answer()
    reader = await parts.open()
    for (let offset = begun; offset < size; ) {
      const piece = new Uint8Array(Math.min(pieceBytes, size - offset))
      const got = await reader.read(piece, offset)
      if (got === 0) throw new ContainerdFailure('failing', `${digest} ended early`)
      talk.say({ ...head, action: 'WRITE', offset, data: piece.subarray(0, got) })
      offset += got
      if (talk.unanswered() >= maxInFlight) await talk.answer()
    }
    while (talk.unanswered() > 0) await talk.answer()
    talk.say({ ...head, action: 'COMMIT', offset: size, labels: parts.labels })
    await talk.answer()
    return 'written'
  } catch (error) {
    if (statusOf(error) === status.ALREADY_EXISTS) return 'there'
    throw error
  } finally {
    stream.cancel()
    await reader?.close()
  }
}

/** A stream on which every message gets an answer. */
interface Talk {
  say(message: WriteRequest): void
  unanswered(): number
  /** The next answer. Rejects when the stream fails, nothing comes for a minute or the signal aborts. */
  answer(): Promise<WriteResponse>
}

function converse(
  stream: ClientDuplexStream<WriteRequest, WriteResponse>,
  signal: AbortSignal,
): Talk {
  const came: WriteResponse[] = []
  let said = 0
  let taken = 0
  let failure: Error | undefined
  let bell = Promise.withResolvers<void>()
  const fail = (error: Error): void => {
    failure ??= error
    bell.resolve()
  }
  stream.on('data', (answer: WriteResponse) => {
    came.push(answer)
    bell.resolve()
  })
  stream.on('error', fail)
  stream.on('end', () => fail(new ContainerdFailure('lost', 'it ended the writing')))

  async function next(): Promise<WriteResponse> {
    for (;;) {
      signal.throwIfAborted()
      const answer = came.shift()
      if (answer !== undefined) return answer
      if (failure !== undefined) throw failure
      bell = Promise.withResolvers()
      await bell.promise
    }
  }

  return {
    say(message) {
      said += 1
      stream.write(message)
    },
    unanswered: () => said - taken,
    async answer() {
      const stalled = () =>
        fail(new ContainerdFailure('hanging', `it took nothing for ${stallMs / 1000} s`))
      const timer = setTimeout(stalled, stallMs)
      const wake = () => bell.resolve()
      signal.addEventListener('abort', wake, { once: true })
      try {
        const answer = await next()
        taken += 1
        return answer
      } finally {
        clearTimeout(timer)
        signal.removeEventListener('abort', wake)
      }
    },
  }
}

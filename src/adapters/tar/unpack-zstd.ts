import { once } from 'node:events'
import type { Transform } from 'node:stream'
import { constants, createZstdDecompress } from 'node:zlib'

/** Bytes a piece of what comes out. */
const chunkSize = 256 * 1024

/**
 * A frame may ask for this window (2^27 bytes: 128 MiB) and no more. It is what the zstd program accepts by itself; an archive made with
 * `--long=28` or more is refused.
 */
const windowLogMax = 27

/** Unpacks zstd, all frames of it. Throws when it is broken or cut short. */
export async function* unpackZstd(bytes: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  let frame = begin()
  try {
    for await (const chunk of bytes) {
      let rest = chunk
      while (rest.length > 0) {
        const before = frame.bytesWritten
        yield* push(frame, rest)
        // Node's stream stops without a word where a frame ends in the middle of what it was given.
        rest = rest.subarray(frame.bytesWritten - before)
        if (rest.length === 0) break
        frame.destroy()
        frame = begin()
      }
    }
    frame.end()
    yield* frame as AsyncIterable<Uint8Array>
  } finally {
    frame.destroy()
  }
}

type Frame = Transform & { readonly bytesWritten: number }

function begin(): Frame {
  const params = { [constants.ZSTD_d_windowLogMax]: windowLogMax }
  const frame = createZstdDecompress({ chunkSize, params })
  frame.on('error', () => {}) // told by who waits
  return frame
}

/** Gives a frame more and hands on what comes of it; ends when it has taken what it takes. */
async function* push(frame: Frame, chunk: Uint8Array): AsyncGenerator<Uint8Array> {
  const taken = Promise.withResolvers<void>()
  taken.promise.catch(() => {}) // awaited below
  let isTaken = false
  frame.write(chunk, error => {
    isTaken = true
    if (error) taken.reject(error)
    else taken.resolve()
  })
  while (!isTaken) {
    yield* available(frame)
    const waiting = new AbortController()
    const readable = once(frame, 'readable', { signal: waiting.signal })
    readable.catch(() => {}) // called off, or told by `taken`
    await Promise.race([taken.promise, readable])
    waiting.abort()
  }
  await taken.promise
  yield* available(frame)
}

function* available(frame: Frame): Generator<Uint8Array> {
  for (let piece = frame.read(); piece !== null; piece = frame.read()) yield piece
}

import { Readable } from 'node:stream'
import { createGunzip } from 'node:zlib'
import { ArchiveRefusal } from '../../ports/archive.ts'
import { type Compression, detect, magicBytes } from './compression.ts'
import { unpackInWorker } from './unpack-in-worker.ts'
import { unpackZstd } from './unpack-zstd.ts'

/** Up to here anything may unpack to any size, in bytes. */
const innocentBytes = 256 * 1024 * 1024
/** Beyond it more than so many bytes out of one is a bomb: images come to less than ten, and zeros to thousands. */
const maxRatio = 200

/**
 * Unpacks a stream, whatever its compression, in bounded memory. Rejects with `ArchiveRefusal` `compression` or `bomb`; what `bytes` throws
 * passes through as it is.
 */
export async function* decompress(bytes: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  const counted = { in: 0, out: 0 }
  const source = createSource(bytes, count => {
    counted.in += count
  })
  const compression = detect(await source.head())
  try {
    for await (const chunk of unpack(compression, source.all())) {
      counted.out += chunk.length
      if (counted.out > innocentBytes && counted.out > counted.in * maxRatio) {
        throw new ArchiveRefusal(
          'bomb',
          `${counted.in} bytes unpack to more than ${counted.out}, ${maxRatio} times as much: no image does`,
        )
      }
      yield chunk
    }
  } catch (error) {
    if (source.failure() !== undefined) throw source.failure()
    throw refusalOf(error, compression)
  }
}

function unpack(
  compression: Compression,
  bytes: AsyncIterable<Uint8Array>,
): AsyncIterable<Uint8Array> {
  switch (compression) {
    case 'none':
      return bytes
    case 'gzip':
      return unpackGzip(bytes)
    case 'zstd':
      return unpackZstd(bytes)
    case 'bzip2':
    case 'lz4':
      return unpackInWorker(compression, bytes)
  }
}

/** Bytes a piece of what comes out. */
const chunkSize = 256 * 1024

function unpackGzip(bytes: AsyncIterable<Uint8Array>): AsyncIterable<Uint8Array> {
  const input = Readable.from(bytes, { objectMode: false, highWaterMark: 1 })
  const unpacker = createGunzip({ chunkSize })
  input.on('error', error => unpacker.destroy(error))
  unpacker.on('close', () => input.destroy())
  return input.pipe(unpacker)
}

function refusalOf(error: unknown, compression: Compression): unknown {
  if (error instanceof ArchiveRefusal || compression === 'none') return error
  const reason = error instanceof Error ? error.message : String(error)
  const cure = /memory|window/i.test(reason)
    ? '; it was made with a window of more than 128 MiB (zstd --long): compress it again without'
    : ''
  const message = `the ${compression} stream is broken or cut short (${reason})${cure}`
  return new ArchiveRefusal('compression', message, error)
}

/** A stream that can be looked at before it is read. */
interface Source {
  /** The first bytes, fewer only where there are no more. */
  head(): Promise<Uint8Array>
  /** Everything, the head included. */
  all(): AsyncGenerator<Uint8Array>
  /** What the stream itself threw: no fault of what is in it. */
  failure(): unknown
}

function createSource(bytes: AsyncIterable<Uint8Array>, onBytes: (count: number) => void): Source {
  const iterator = bytes[Symbol.asyncIterator]()
  const seen: Uint8Array[] = []
  let failed: { readonly error: unknown } | undefined
  let isOver = false

  async function next(): Promise<Uint8Array | undefined> {
    try {
      const { value, done } = await iterator.next()
      if (!done) return value
    } catch (error) {
      failed = { error }
      throw error
    }
    isOver = true
    return undefined
  }

  return {
    async head() {
      while (!isOver && seen.reduce((sum, { length }) => sum + length, 0) < magicBytes) {
        const chunk = await next()
        if (chunk !== undefined) seen.push(chunk)
      }
      return Buffer.concat(seen).subarray(0, magicBytes)
    },
    async *all() {
      try {
        for (const chunk of seen.splice(0)) {
          onBytes(chunk.length)
          yield chunk
        }
        for (let chunk = await next(); chunk !== undefined; chunk = await next()) {
          onBytes(chunk.length)
          yield chunk
        }
      } finally {
        await iterator.return?.()
      }
    },
    failure: () => failed?.error,
  }
}

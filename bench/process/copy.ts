/**
 * The least that Node needs for a pull-through: fetches a URL, hashes what comes, writes it to a file. Nobody waits for the file to be
 * durable.
 */
import { createHash } from 'node:crypto'
import { createWriteStream } from 'node:fs'
import { pipeline } from 'node:stream/promises'
import { request } from 'undici'

/** What to copy. */
export interface CopyOrder {
  readonly url: string
  /** Must not exist: to empty an old one takes its time. */
  readonly file: string
  /** In hex; the copy fails when the bytes hash to something else. */
  readonly sha256: string
}

/** What came of it. */
export interface CopyResult {
  readonly wholeMs: number
  readonly firstByteMs: number
}

const order: CopyOrder = JSON.parse(process.argv[2] ?? '{}')
const beganMs = performance.now()
const hash = createHash('sha256')
let firstByteMs = Number.NaN

async function* hashed(chunks: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  for await (const chunk of chunks) {
    if (Number.isNaN(firstByteMs)) firstByteMs = performance.now() - beganMs
    hash.update(chunk)
    yield chunk
  }
}

const { body, statusCode } = await request(order.url)
if (statusCode !== 200) throw new Error(`${order.url}: ${statusCode}`)
const file = createWriteStream(order.file, { flags: 'wx', highWaterMark: 1024 * 1024 })
await pipeline(body, hashed, file)
if (hash.digest('hex') !== order.sha256) throw new Error('the copy does not hash to its digest')
const result: CopyResult = { wholeMs: performance.now() - beganMs, firstByteMs }
process.stdout.write(JSON.stringify(result))

/** Downloads a blob on several connections at once and throws the bytes away. */
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'

/** What to download. */
export interface DownloadOrder {
  /** Origin of the server. */
  readonly url: string
  /** Asked before, one after another, on the same connection; what they answer is small. */
  readonly before: readonly Asked[]
  /** The blob. */
  readonly path: string
  readonly headers: Readonly<Record<string, string>>
  readonly connections: number
}

/** A question on the way to the blob. */
export interface Asked {
  readonly method: 'GET' | 'HEAD'
  readonly path: string
}

/** What came of it. */
export interface DownloadResult {
  /** From the first question to the last byte of the last connection. */
  readonly wholeMs: number
  /** The slowest connection's wait between asking for the blob and its first byte. */
  readonly firstByteMs: number
  /** Of all connections together. */
  readonly bytes: number
}

const order: DownloadOrder = JSON.parse(process.argv[2] ?? '{}')
const target = new URL(order.url)
/** Shared by all connections: nobody looks at the bytes of a body. */
const scratch = Buffer.allocUnsafeSlow(1024 * 1024)

/** Counts the bytes of one good answer. */
function createCounter({ method }: Asked, done: (bytes: number) => void) {
  const askedMs = performance.now()
  let text = ''
  let whole: number | undefined
  let left = 0
  let firstByteMs = Number.NaN

  function readHead(): void {
    const end = text.indexOf('\r\n\r\n')
    if (end < 0) return
    const length = /\r\ncontent-length: *(\d+)/i.exec(text.slice(0, end))?.[1]
    if (!text.startsWith('HTTP/1.1 200') || length === undefined) {
      throw new Error(`not the answer that was asked for: ${text.slice(0, 400)}`)
    }
    whole = method === 'HEAD' ? 0 : Number(length)
    left = whole
    readBody(text.length - end - 4)
  }

  function readBody(length: number): void {
    if (length > 0 && Number.isNaN(firstByteMs)) firstByteMs = performance.now() - askedMs
    left -= length
    if (left === 0) done(whole ?? 0)
  }

  return {
    take(length: number): void {
      if (whole === undefined) {
        text += scratch.toString('latin1', 0, length)
        readHead()
      } else {
        readBody(length)
      }
    },
    firstByteMs: () => firstByteMs,
  }
}

/** One connection with one question at a time. */
async function open() {
  let take = (_length: number): void => {}
  let fail = (_error: Error): void => {}
  const callback = (length: number): boolean => {
    try {
      take(length)
    } catch (error) {
      fail(error as Error)
    }
    return true
  }
  const { hostname: host, port } = target
  const onread = { buffer: scratch, callback }
  const socket: Socket = connect({ host, port: Number(port), noDelay: true, onread })
  socket.on('error', error => fail(error))
  socket.on('close', () => fail(new Error('closed before the last byte')))
  await once(socket, 'connect')
  const headers = Object.entries({ host: target.host, ...order.headers })
  const lines = headers.map(([name, value]) => `${name}: ${value}\r\n`).join('')

  async function ask(asked: Asked) {
    const { promise, resolve, reject } = Promise.withResolvers<number>()
    const counter = createCounter(asked, resolve)
    take = counter.take
    fail = reject
    socket.write(`${asked.method} ${asked.path} HTTP/1.1\r\n${lines}\r\n`)
    return { bytes: await promise, firstByteMs: counter.firstByteMs() }
  }

  return { ask, close: () => socket.destroy() }
}

async function download() {
  const connection = await open()
  for (const asked of order.before) await connection.ask(asked)
  const done = await connection.ask({ method: 'GET', path: order.path })
  connection.close()
  return done
}

const beganMs = performance.now()
const done = await Promise.all(Array.from({ length: order.connections }, download))
const result: DownloadResult = {
  wholeMs: performance.now() - beganMs,
  firstByteMs: Math.max(...done.map(({ firstByteMs }) => firstByteMs)),
  bytes: done.reduce((sum, { bytes }) => sum + bytes, 0),
}
process.stdout.write(JSON.stringify(result))

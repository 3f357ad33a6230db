import { once } from 'node:events'
import { connect, type Socket } from 'node:net'

/** What to ask, how hard and how long. */
export interface Load {
  readonly port: number
  readonly host?: string
  readonly method: 'GET' | 'HEAD'
  /** Request target; a function gives a new one for each request. */
  readonly target: string | (() => string)
  readonly headers?: Readonly<Record<string, string>>
  /** Each keeps one request under way. Default 8. */
  readonly connections?: number
  /** Measured time in ms. Default 3000. */
  readonly durationMs?: number
  /** Asked before, and not counted, in ms. Default 1000. */
  readonly warmupMs?: number
}

/** What came of it. Times in ms. */
export interface LoadResult {
  readonly requests: number
  readonly perSecond: number
  readonly p50: number
  readonly p90: number
  readonly p99: number
  readonly max: number
  /** Answers by status. */
  readonly statuses: Readonly<Record<number, number>>
  /** Connections that ended under a request. */
  readonly failures: number
}

const headEnd = Buffer.from('\r\n\r\n')

/**
 * Puts load on a server over raw sockets: an HTTP client of Node's costs more than the answers that are to be measured. It reads as
 * much of HTTP as a registry's answers need: a status line and a `Content-Length`.
 */
export async function putLoad(load: Load): Promise<LoadResult> {
  const { connections = 8, durationMs = 3_000, warmupMs = 1_000 } = load
  const times: number[] = []
  const statuses: Record<number, number> = {}
  let failures = 0
  let isMeasuring = false
  let isOver = false
  const warmUp = setTimeout(() => {
    isMeasuring = true
  }, warmupMs)
  const end = setTimeout(() => {
    isOver = true
  }, warmupMs + durationMs)

  const drive = async (): Promise<void> => {
    const socket = connect({ port: load.port, host: load.host ?? '127.0.0.1', noDelay: true })
    await once(socket, 'connect')
    const read = createReader(socket, load.method)
    while (!isOver) {
      const startedAt = performance.now()
      socket.write(requestOf(load))
      const status = await read()
      if (status === undefined) {
        failures++
        return
      }
      if (!isMeasuring) continue
      times.push(performance.now() - startedAt)
      statuses[status] = (statuses[status] ?? 0) + 1
    }
    socket.destroy()
  }
  try {
    await Promise.all(Array.from({ length: connections }, drive))
  } finally {
    clearTimeout(warmUp)
    clearTimeout(end)
  }
  times.sort((a, b) => a - b)
  const at = (share: number): number => times[Math.floor((times.length - 1) * share)] ?? Number.NaN
  return {
    requests: times.length,
    perSecond: Math.round((times.length * 1000) / durationMs),
    p50: at(0.5),
    p90: at(0.9),
    p99: at(0.99),
    max: at(1),
    statuses,
    failures,
  }
}

let lastText = ''
let lastBytes: Buffer = Buffer.alloc(0)

/** The request's bytes, made once as long as they stay the same. */
function requestOf({ method, target, headers = {} }: Load): Buffer {
  const path = typeof target === 'string' ? target : target()
  const lines = Object.entries({ Host: 'bench', ...headers }).map(([k, v]) => `${k}: ${v}\r\n`)
  const text = `${method} ${path} HTTP/1.1\r\n${lines.join('')}\r\n`
  if (text !== lastText) {
    lastText = text
    lastBytes = Buffer.from(text, 'latin1')
  }
  return lastBytes
}

/** Reads one answer at a time; gives its status, or `undefined` when the connection ended. */
function createReader(socket: Socket, method: string): () => Promise<number | undefined> {
  let answered: ((status: number | undefined) => void) | undefined
  let head: Buffer = Buffer.alloc(0)
  let bodyLeft = 0
  let status = 0

  const takeBody = (length: number): void => {
    bodyLeft -= length
    if (bodyLeft > 0) return
    bodyLeft = 0
    answered?.(status)
  }
  const takeHead = (chunk: Buffer): void => {
    head = head.length === 0 ? chunk : Buffer.concat([head, chunk])
    const at = head.indexOf(headEnd)
    if (at < 0) return
    const text = head.toString('latin1', 0, at)
    status = Number(text.slice(9, 12))
    bodyLeft = method === 'HEAD' ? 0 : Number(/\r\ncontent-length: (\d+)/i.exec(text)?.[1] ?? 0)
    const rest = head.length - at - headEnd.length
    head = Buffer.alloc(0)
    takeBody(rest)
  }
  socket.on('error', () => {})
  socket.on('close', () => answered?.(undefined))
  socket.on('data', (chunk: Buffer) => {
    if (bodyLeft === 0) takeHead(chunk)
    else takeBody(chunk.length)
  })
  return () =>
    new Promise(resolve => {
      answered = resolve
      if (socket.destroyed) resolve(undefined)
    })
}

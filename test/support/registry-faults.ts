import type { IncomingMessage, ServerResponse } from 'node:http'
import { setTimeout as delay } from 'node:timers/promises'
import { type Answer, htmlPage, ociError, type RequestKind } from './registry-contents.ts'

/** Ways in which a registry, or the network before it, fails. */
export type Fault =
  /** Silence: before the answer, in the middle of its headers, or after so many bytes of the body. Ends when it is healed. */
  | { readonly do: 'freeze'; readonly at?: 'start' | 'headers' }
  | { readonly do: 'freeze'; readonly at: 'body'; readonly afterBytes: number }
  /** Headers arrive one byte at a time and never end. */
  | { readonly do: 'dribble'; readonly everyMs: number }
  /** Headers arrive fast and never end. */
  | { readonly do: 'endless-headers' }
  | { readonly do: 'not-http'; readonly text?: string }
  /** The connection is reset before any answer. */
  | { readonly do: 'reset' }
  /** Every n-th matching request is reset. */
  | { readonly do: 'flaky'; readonly every: number }
  | { readonly do: 'truncate'; readonly afterBytes: number; readonly with: 'fin' | 'rst' }
  | {
      readonly do: 'status'
      readonly status: number
      /** An OCI error code for the body; without it the body is empty. */
      readonly code?: string
      readonly headers?: Readonly<Record<string, string>>
      readonly body?: string
    }
  /** A login page in the registry's place: with the given status, or as a redirect to `to`. */
  | { readonly do: 'portal'; readonly status?: number; readonly to?: string }
  /** Same status and headers, other bytes. */
  | { readonly do: 'wrong-bytes' }
  /** Sets headers of the true answer, or removes them (`undefined`). `date` too. */
  | { readonly do: 'headers'; readonly headers: Readonly<Record<string, string | undefined>> }
  | { readonly do: 'slow'; readonly delayMs?: number; readonly bytesPerSecond?: number }
  | { readonly do: 'ignore-range' }
  /** 307 to the same path on another server, or to exactly `location`. */
  | { readonly do: 'redirect'; readonly to: string }
  | { readonly do: 'redirect'; readonly location: string }

/** Which requests a fault meets: all that match every given property. */
export interface Where {
  readonly kind?: RequestKind | readonly RequestKind[]
  readonly method?: string
  readonly repository?: string
  readonly item?: string
  /** The fault ends by itself after so many hits. */
  readonly times?: number
}

/** A fault that is switched on. A test asserts that `hits` rose. */
export interface ActiveFault {
  readonly fault: Fault
  readonly where: Where
  hits: number
  heal(): void
}

/** How a body is sent. */
export interface Pace {
  freezeAfter: number
  cutAfter: number
  cutWith: 'fin' | 'rst'
  bytesPerSecond: number
}

/** One request on its way through the faults. */
export interface Exchange {
  readonly request: IncomingMessage
  readonly response: ServerResponse
  readonly url: URL
  /** Resolves when the fault is healed, the registry thawed or closed. */
  released(fault: ActiveFault | undefined): Promise<void>
  /** Whether the client has gone. */
  gone(): boolean
}

async function writeEndlessHeaders({ response, gone }: Exchange): Promise<void> {
  const socket = response.socket
  socket?.write('HTTP/1.1 200 OK\r\n')
  for (let n = 0; n < 100_000 && socket && !gone(); n++) {
    const isRoom = socket.write(`x-endless-${n}: ${'a'.repeat(200)}\r\n`)
    if (!isRoom) await Promise.race([new Promise(done => socket.once('drain', done)), delay(50)])
  }
}

async function dribble({ response, gone }: Exchange, everyMs: number): Promise<void> {
  response.socket?.write('HTTP/1.1 200 OK\r\nx-dribble: ')
  while (!gone()) {
    response.socket?.write('a')
    await delay(everyMs)
  }
}

/** Faults that end the exchange before the registry answers. Returns whether the exchange is over. */
export async function intercept(active: ActiveFault, exchange: Exchange): Promise<boolean> {
  const { fault } = active
  const socket = exchange.response.socket
  switch (fault.do) {
    case 'freeze':
      if (fault.at === 'body') return false
      if (fault.at === 'headers') socket?.write('HTTP/1.1 200 OK\r\ncontent-ty')
      await exchange.released(active)
      if (fault.at === 'headers') socket?.destroy()
      return fault.at === 'headers'
    case 'dribble':
      await dribble(exchange, fault.everyMs)
      return true
    case 'endless-headers':
      await writeEndlessHeaders(exchange)
      return true
    case 'not-http':
      socket?.end(fault.text ?? 'SSH-2.0-OpenSSH_9.2\r\n')
      return true
    case 'reset':
      socket?.resetAndDestroy()
      return true
    case 'flaky':
      if (active.hits % fault.every !== 0) return false
      socket?.resetAndDestroy()
      return true
    case 'slow':
      await delay(fault.delayMs ?? 0)
      return false
    default:
      return false
  }
}

type FaultOf<D extends Fault['do']> = Extract<Fault, { readonly do: D }>

function statusAnswer({ status, code, headers, body }: FaultOf<'status'>): Answer {
  const error = code === undefined ? undefined : ociError(status, code)
  return {
    status,
    headers: { ...error?.headers, ...headers },
    body: body === undefined ? (error?.body ?? Buffer.alloc(0)) : Buffer.from(body),
  }
}

function portalPage({ status, to }: FaultOf<'portal'>): Answer {
  const page = htmlPage(status ?? (to === undefined ? 200 : 302))
  if (to !== undefined) page.headers['location'] = to
  return page
}

function withHeaders(answer: Answer, changes: FaultOf<'headers'>['headers']): Answer {
  const headers = { ...answer.headers }
  for (const [name, value] of Object.entries(changes)) {
    if (value !== undefined) headers[name] = value
    else if (name === 'date' || name === 'content-length') headers[name] = ''
    else delete headers[name]
  }
  return { ...answer, headers }
}

/** Faults that change what is answered. */
export function alter(fault: Fault, answer: Answer, url: URL): Answer {
  switch (fault.do) {
    case 'status':
      return statusAnswer(fault)
    case 'portal':
      return portalPage(fault)
    case 'wrong-bytes':
      return { ...answer, body: Buffer.from(answer.body.map(byte => byte ^ 1)) }
    case 'headers':
      return withHeaders(answer, fault.headers)
    case 'redirect': {
      const location =
        'location' in fault ? fault.location : new URL(url.pathname + url.search, fault.to).href
      return { status: 307, headers: { location }, body: Buffer.alloc(0) }
    }
    default:
      return answer
  }
}

/** How the faults in force pace a body. */
export function paceOf(faults: readonly Fault[]): Pace {
  const pace: Pace = {
    freezeAfter: Number.POSITIVE_INFINITY,
    cutAfter: Number.POSITIVE_INFINITY,
    cutWith: 'fin',
    bytesPerSecond: Number.POSITIVE_INFINITY,
  }
  for (const fault of faults) {
    if (fault.do === 'freeze' && fault.at === 'body') pace.freezeAfter = fault.afterBytes
    if (fault.do === 'truncate') {
      pace.cutAfter = fault.afterBytes
      pace.cutWith = fault.with
    }
    if (fault.do === 'slow') pace.bytesPerSecond = fault.bytesPerSecond ?? pace.bytesPerSecond
  }
  return pace
}

const chunkBytes = 64 * 1024

/** Sends `body` at that pace. Calls `onBytes` for what went out. */
export async function sendBody(
  exchange: Exchange,
  body: Buffer,
  pace: Pace,
  freeze: ActiveFault | undefined,
  onBytes: (bytes: number) => void,
): Promise<void> {
  const { response, gone } = exchange
  const step = Math.min(chunkBytes, Math.ceil(pace.bytesPerSecond / 50))
  const whole = Math.min(body.length, pace.cutAfter)
  let freezeAt = pace.freezeAfter
  const beganMs = performance.now()
  for (let at = 0; at < whole && !gone(); ) {
    await exchange.released(at === freezeAt ? freeze : undefined)
    if (at === freezeAt) freezeAt = Number.POSITIVE_INFINITY
    const end = Math.min(at + step, whole, freezeAt)
    const isRoom = response.write(body.subarray(at, end))
    onBytes(end - at)
    at = end
    if (!isRoom) await drained(response)
    const aheadMs = beganMs + (at / pace.bytesPerSecond) * 1000 - performance.now()
    if (aheadMs > 0) await delay(aheadMs)
  }
  if (whole < body.length) await cut(response, pace.cutWith)
  else response.end()
}

async function cut(response: ServerResponse, how: 'fin' | 'rst'): Promise<void> {
  // What was written must be on the wire before the connection goes, or a test would see fewer bytes than it asked for.
  await new Promise(done => response.write('', done))
  if (how === 'rst') response.socket?.resetAndDestroy()
  else response.socket?.destroy()
}

function drained(response: ServerResponse): Promise<void> {
  return new Promise(done => {
    const settle = (): void => {
      response.off('drain', settle)
      response.off('close', settle)
      done()
    }
    response.on('drain', settle)
    response.on('close', settle)
  })
}

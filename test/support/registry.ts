import { once } from 'node:events'
import {
  createServer,
  type IncomingHttpHeaders,
  type IncomingMessage,
  type ServerResponse,
} from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import type { AddressInfo, Socket } from 'node:net'
import { createAuth, type RegistryAuth } from './registry-auth.ts'
import {
  type Answer,
  type Asked,
  createContents,
  type ImageContents,
  ociError,
  type RequestKind,
  readPath,
} from './registry-contents.ts'
import {
  type ActiveFault,
  alter,
  type Exchange,
  type Fault,
  intercept,
  paceOf,
  sendBody,
  type Where,
} from './registry-faults.ts'

/** One request as the scripted registry saw it. Grows while it is answered. */
export interface LoggedRequest {
  readonly method: string
  readonly path: string
  readonly kind: RequestKind
  readonly range: string | undefined
  readonly authorization: string | undefined
  readonly headers: IncomingHttpHeaders
  /** 0 until headers are sent. */
  status: number
  /** Body bytes handed to the connection. */
  bytes: number
  /** The client went before the answer was whole. */
  isAborted: boolean
}

export interface RegistryOptions {
  /** URL of a real registry to stand in front of: what is asked is forwarded there, with the faults laid over. */
  readonly origin?: string
  /** By repository name. */
  readonly images?: Readonly<Record<string, ImageContents>>
  /** Default: any free one. */
  readonly port?: number
  readonly tls?: {
    readonly key: string | Buffer
    readonly cert: string | Buffer
    readonly ca?: string | Buffer
  }
  readonly auth?: RegistryAuth
  /** The most entries in one page of tags or referrers. */
  readonly pageSize?: number
  /** `false`: the referrers API is absent, as on older registries. */
  readonly referrersApi?: boolean
}

export type ScriptedRegistry = Awaited<ReturnType<typeof startRegistry>>

/**
 * A real registry on 127.0.0.1 that serves the pull API from memory and fails on command. Counts what it is asked and what it
 * sends. Whoever starts it closes it.
 */
export async function startRegistry(options: RegistryOptions = {}) {
  const contents = createContents(options.images ?? {}, {
    pageSize: options.pageSize ?? 100,
    referrersApi: options.referrersApi ?? true,
  })
  const auth = options.auth && createAuth(options.auth, () => url)
  const log: LoggedRequest[] = []
  const faults = new Set<ActiveFault>()
  const sockets = new Set<Socket>()
  const checks = new Set<() => void>()
  let connections = 0
  let isFrozen = false
  let isClosed = false

  /** Something changed: whoever waits looks again. */
  function changed(): void {
    for (const check of checks) check()
  }

  function until(isTrue: () => boolean): Promise<void> {
    if (isTrue()) return Promise.resolve()
    return new Promise(done => {
      const check = (): void => {
        if (!isTrue()) return
        checks.delete(check)
        done()
      }
      checks.add(check)
    })
  }

  function matches({ where, hits }: ActiveFault, asked: Asked, method: string): boolean {
    const kinds = where.kind === undefined ? undefined : [where.kind].flat()
    return (
      hits < (where.times ?? Number.POSITIVE_INFINITY) &&
      (kinds?.includes(asked.kind) ?? true) &&
      (where.method ?? method) === method &&
      (where.repository ?? asked.repository) === asked.repository &&
      (where.item ?? asked.item) === asked.item
    )
  }

  function strike(asked: Asked, method: string): ActiveFault[] {
    const struck = [...faults].filter(active => matches(active, asked, method))
    for (const active of struck) active.hits++
    return struck
  }

  async function trueAnswer(
    asked: Asked,
    exchange: Exchange,
    range: string | undefined,
  ): Promise<Answer> {
    const { headers, method } = exchange.request
    if (auth && asked.kind === 'token') return auth.issue(exchange.url, headers.authorization)
    const refused = auth?.check(asked, headers.authorization)
    if (refused) return refused
    if (method !== 'GET' && method !== 'HEAD') return ociError(405, 'UNSUPPORTED')
    if (options.origin !== undefined) return forward(options.origin, exchange, range)
    return contents.answer(asked, exchange.url, range)
  }

  async function handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const target = new URL(request.url ?? '/', url)
    const asked = readPath(decodeURIComponent(target.pathname))
    const method = request.method ?? 'GET'
    const entry: LoggedRequest = {
      method,
      path: target.pathname + target.search,
      kind: asked.kind,
      range: request.headers.range,
      authorization: request.headers.authorization,
      headers: request.headers,
      status: 0,
      bytes: 0,
      isAborted: false,
    }
    log.push(entry)
    response.on('close', () => {
      entry.isAborted = !response.writableFinished
      changed()
    })
    const exchange: Exchange = {
      request,
      response,
      url: target,
      gone: () => isClosed || response.destroyed || response.socket?.destroyed === true,
      released: active =>
        until(() => isClosed || (!isFrozen && (active === undefined || !faults.has(active)))),
    }
    const struck = strike(asked, method)
    changed()
    await exchange.released(undefined)
    for (const active of struck) if (await intercept(active, exchange)) return
    await respond(exchange, asked, struck, entry)
  }

  async function respond(
    exchange: Exchange,
    asked: Asked,
    struck: readonly ActiveFault[],
    entry: LoggedRequest,
  ): Promise<void> {
    const inForce = struck.filter(active => faults.has(active))
    const isRangeIgnored = inForce.some(({ fault }) => fault.do === 'ignore-range')
    let answer = await trueAnswer(asked, exchange, isRangeIgnored ? undefined : entry.range)
    for (const { fault } of inForce) answer = alter(fault, answer, exchange.url)
    if (exchange.gone()) return
    const hasBody = writeHead(exchange.response, answer) && entry.method !== 'HEAD'
    entry.status = answer.status
    changed()
    if (!hasBody) {
      exchange.response.end()
      return
    }
    const freeze = inForce.find(({ fault }) => fault.do === 'freeze' && fault.at === 'body')
    const pace = paceOf(inForce.map(({ fault }) => fault))
    await sendBody(exchange, answer.body, pace, freeze, bytes => {
      entry.bytes += bytes
      changed()
    })
  }

  const listener = (request: IncomingMessage, response: ServerResponse): void => {
    request.resume()
    handle(request, response).catch(() => response.destroy())
  }
  const server = options.tls
    ? createTlsServer({ ...options.tls }, listener)
    : createServer(listener)
  server.keepAliveTimeout = 60_000
  server.on('connection', (socket: Socket) => {
    connections++
    sockets.add(socket)
    socket.on('error', () => socket.destroy())
    socket.on('close', () => sockets.delete(socket))
    changed()
  })

  async function listen(port: number): Promise<number> {
    server.listen(port, '127.0.0.1')
    await once(server, 'listening')
    return (server.address() as AddressInfo).port
  }

  async function stopListening(): Promise<void> {
    if (!server.listening) return
    const closed = once(server, 'close')
    server.close()
    for (const socket of sockets) socket.destroy()
    await closed
  }

  const port = await listen(options.port ?? 0)
  const url = `${options.tls ? 'https' : 'http'}://127.0.0.1:${port}`

  return {
    url,
    /** `127.0.0.1:port`, the registry's name. */
    host: `127.0.0.1:${port}`,
    port,
    /** Every request so far, oldest first. */
    log: log as readonly LoggedRequest[],
    ...contents,
    /** Makes every token given so far worthless. */
    revokeTokens: () => auth?.revoke(),
    /** Connections accepted so far. */
    connections: () => connections,
    /** Connections that are open now. */
    openConnections: () => sockets.size,
    /** Requests of one kind (and method) so far. */
    count: (kind: RequestKind, method?: string) =>
      log.filter(entry => entry.kind === kind && (method ?? entry.method) === entry.method).length,
    /** Body bytes sent for one kind so far. */
    bytesSent: (kind?: RequestKind) =>
      log.reduce((sum, entry) => sum + (entry.kind === (kind ?? entry.kind) ? entry.bytes : 0), 0),
    /** Forgets the requests so far. */
    clearLog(): void {
      log.length = 0
    },
    /** Switches a fault on, for all requests or those that match. */
    fault(fault: Fault, where: Where = {}): ActiveFault {
      const active: ActiveFault = {
        fault,
        where,
        hits: 0,
        heal() {
          faults.delete(active)
          changed()
        },
      }
      faults.add(active)
      return active
    },
    /** Ends every fault; what they held goes on. */
    heal(): void {
      faults.clear()
      isFrozen = false
      changed()
    },
    /** Total silence, also on established connections and in bodies under way; connections are still accepted. */
    freeze(): void {
      isFrozen = true
    },
    /** Ends the silence: what was asked meanwhile is answered late. */
    thaw(): void {
      isFrozen = false
      changed()
    },
    /** Closes the port and all connections: from now on they are refused. */
    refuse: stopListening,
    /** Ends `refuse`, on the same port. */
    async accept(): Promise<void> {
      if (!server.listening) await listen(port)
    },
    /** Cuts all established connections (FIN, or RST) and goes on listening. */
    cutConnections(how: 'fin' | 'rst' = 'fin'): void {
      for (const socket of sockets) {
        if (how === 'rst') socket.resetAndDestroy()
        else socket.destroy()
      }
    },
    /** Waits until something is true of the log; rejects after `withinMs`. */
    async waitFor(
      isTrue: (log: readonly LoggedRequest[]) => boolean,
      withinMs = 15_000,
    ): Promise<void> {
      const signal = AbortSignal.timeout(withinMs)
      const late = once(signal, 'abort').then(() => {
        throw new Error(`not seen within ${withinMs} ms; log: ${summary(log)}`)
      })
      await Promise.race([until(() => isTrue(log)), late])
    },
    async close(): Promise<void> {
      isClosed = true
      changed()
      await stopListening()
    },
  }
}

/** The origin's own answer to the same request. */
async function forward(
  origin: string,
  { request, url }: Exchange,
  range: string | undefined,
): Promise<Answer> {
  const headers: Record<string, string> = { 'accept-encoding': 'identity' }
  if (request.headers.accept !== undefined) headers['accept'] = request.headers.accept
  if (range !== undefined) headers['range'] = range
  const method = request.method ?? 'GET'
  const answer = await fetch(new URL(url.pathname + url.search, origin), { method, headers })
  const body = Buffer.from(await answer.arrayBuffer())
  const kept = [...answer.headers].filter(([name]) => !hopByHop.has(name))
  return { status: answer.status, headers: Object.fromEntries(kept), body }
}

const hopByHop = new Set(['connection', 'keep-alive', 'transfer-encoding', 'date'])

/** Writes status line and headers. Returns whether such an answer has a body. */
function writeHead(response: ServerResponse, answer: Answer): boolean {
  // An empty one is not sent at all.
  const { date, 'content-length': given, ...headers } = answer.headers
  if (date === '') response.sendDate = false
  else if (date !== undefined) response.setHeader('date', date)
  const hasBody = answer.status !== 204 && answer.status !== 304
  const size = given ?? String(answer.body.length)
  const length = hasBody && size !== '' ? { 'content-length': size } : {}
  response.writeHead(answer.status, { ...length, ...headers })
  if (hasBody) response.flushHeaders()
  return hasBody
}

function summary(log: readonly LoggedRequest[]): string {
  return log.map(({ method, path, status }) => `${method} ${path} ${status}`).join(', ')
}

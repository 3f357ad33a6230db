import { once } from 'node:events'
import { createServer, type RequestListener, type Server } from 'node:http'
import { createServer as createTlsServer, type ServerOptions } from 'node:https'
import { type AddressInfo, createServer as createTcpServer, type Socket } from 'node:net'
import { text } from 'node:stream/consumers'
import type { Test } from 'tap'
import type { ProxyEnvironment } from '../../../../src/adapters/registry/proxy.ts'
import {
  defaultTimeouts,
  type EndpointSettings,
} from '../../../../src/adapters/registry/settings.ts'
import {
  createTransport,
  type HttpAnswer,
  type HttpQuestion,
  type Transport,
} from '../../../../src/adapters/registry/transport.ts'
import type { Log } from '../../../../src/ports/log.ts'
import type { ResolveName } from '../../../../src/ports/resolve-name.ts'

/** A server on loopback that counts its connections. */
export interface Listening {
  readonly port: number
  /** Connections accepted so far. */
  readonly connections: () => number
}

/** Starts an HTTP(S) server, ended with the test. */
export async function serve(
  t: Test,
  answer: RequestListener,
  tls?: ServerOptions,
): Promise<Listening> {
  const server: Server = tls === undefined ? createServer(answer) : createTlsServer(tls, answer)
  return listen(t, server)
}

/** Starts a TCP server, ended with the test. */
export function serveTcp(t: Test, onConnection: (socket: Socket) => void): Promise<Listening> {
  return listen(t, createTcpServer(onConnection))
}

async function listen(t: Test, server: ReturnType<typeof createTcpServer>): Promise<Listening> {
  const open = new Set<Socket>()
  let connections = 0
  server.on('connection', (socket: Socket) => {
    connections += 1
    open.add(socket)
    socket.on('error', () => undefined)
    socket.once('close', () => open.delete(socket))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(async () => {
    for (const socket of open) socket.destroy()
    server.close()
    await once(server, 'close')
  })
  return { port: (server.address() as AddressInfo).port, connections: () => connections }
}

/** Endpoint settings with everything else left out. */
export function endpointAt(url: string, more: Partial<EndpointSettings> = {}): EndpointSettings {
  return {
    registry: new URL(url).host,
    url,
    rewrite: {},
    auth: undefined,
    tls: undefined,
    proxy: '',
    realms: [],
    timeouts: defaultTimeouts,
    publicOnly: false,
    ...more,
  }
}

/** A log that keeps its lines. */
export function keepLog(): { readonly log: Log; readonly lines: string[] } {
  const lines: string[] = []
  const keep = (fields: object, message: string) => {
    lines.push(`${message} ${JSON.stringify(fields, (_, value) => readable(value))}`)
  }
  return { log: { debug: keep, info: keep, warn: keep, error: keep }, lines }
}

function readable(value: unknown): unknown {
  return value instanceof Error ? `${value.stack} ${String(value.cause)}` : value
}

export interface TransportSetting {
  /** By host name; what is missing does not resolve. */
  readonly names?: Readonly<Record<string, readonly string[]>>
  readonly resolveName?: ResolveName
  readonly environment?: ProxyEnvironment
  readonly wallMs?: () => number
  readonly earliestTimeMs?: () => number
  readonly log?: Log
  readonly mark?: string
}

/** A transport with names of its own, closed with the test. */
export function makeTransport(t: Test, setting: TransportSetting = {}): Transport {
  const { log } = keepLog()
  const transport = createTransport(
    {
      resolveName: setting.resolveName ?? resolverOf(setting.names ?? {}),
      clock: { wallMs: setting.wallMs ?? Date.now, monotonicMs: () => performance.now() },
      log: setting.log ?? log,
      earliestTimeMs: setting.earliestTimeMs ?? (() => 0),
    },
    {
      environment: setting.environment ?? {},
      ...(setting.mark !== undefined && { mark: setting.mark }),
    },
  )
  t.teardown(() => transport.close())
  return transport
}

function resolverOf(names: Readonly<Record<string, readonly string[]>>): ResolveName {
  return async host => {
    if (/^[\d.]+$|:/.test(host)) return [host]
    const found = names[host]
    if (found === undefined) throw new Error(`${host} is not known`)
    return found
  }
}

/** A question with everything else left out. */
export function question(
  url: string,
  endpoint: EndpointSettings,
  more: Partial<HttpQuestion> = {},
): HttpQuestion {
  return {
    url: new URL(url),
    method: 'GET',
    headers: {},
    endpoint,
    signal: new AbortController().signal,
    timeouts: endpoint.timeouts,
    ...more,
  }
}

/** The whole body as text. */
export function bodyOf(answer: HttpAnswer): Promise<string> {
  return text(answer.body)
}

import { setImmediate as nextTurn } from 'node:timers/promises'
import { LRUCache } from 'lru-cache'
import { type Dispatcher, Pool } from 'undici'
import type { Log } from '../../ports/log.ts'
import { abortable } from './abortable.ts'
import type { Connector, Route } from './connector.ts'
import { describeUrl } from './origin.ts'
import type { ProxyServer } from './proxy.ts'

/** One request on a route. */
export interface PoolRequest {
  readonly url: URL
  readonly method: 'GET' | 'HEAD' | 'POST'
  readonly headers: Readonly<Record<string, string>>
  readonly body: string | undefined
  readonly signal: AbortSignal
  /** ms, as is `bodyTimeout`. */
  readonly headersTimeout: number
  readonly bodyTimeout: number
}

/** The connections of one route. */
export interface ConnectionPool {
  request(request: PoolRequest): Promise<Dispatcher.ResponseData>
  /** How many connections were begun so far. */
  connections(): number
  /** No new request gets a connection of this pool; those under way go on. */
  retire(): void
}

/** All kept connections. */
export interface ConnectionPools {
  /** The same pool for equal routes, until it is retired. */
  poolFor(route: Route): ConnectionPool
  /** A pool that nobody else is given; whoever asked for it retires it. */
  poolAside(route: Route): ConnectionPool
  /** Cuts everything. */
  close(): Promise<void>
}

const maxRoutes = 128
const maxConnectionsPerRoute = 64
const idleKeepMs = 55_000
const longestIdleKeepMs = 300_000
const maxHeaderBytes = 32 * 1024

/** Makes the pools. */
export function createConnectionPools({
  connector,
  log,
}: {
  readonly connector: Connector
  readonly log: Log
}): ConnectionPools {
  const closed = new AbortController()
  const open = new Set<Pool>()
  const current = new LRUCache<string, ConnectionPool>({
    max: maxRoutes,
    dispose: pool => pool.retire(),
  })

  function makePool(key: string, route: Route): ConnectionPool {
    const { origin, proxy } = route
    // Plain http goes to the proxy itself, in absolute form.
    const isForwarded = proxy !== undefined && origin.protocol === 'http:'
    let connections = 0
    let isRetired = false
    const pool = new Pool(isForwarded ? proxy.url.origin : origin.origin, {
      allowH2: false,
      connections: maxConnectionsPerRoute,
      keepAliveTimeout: idleKeepMs,
      keepAliveMaxTimeout: longestIdleKeepMs,
      maxHeaderSize: maxHeaderBytes,
      connect: (_, callback) => {
        connections += 1
        connector.connect(route, closed.signal).then(
          socket => callback(null, socket),
          error => callback(error, null),
        )
      },
    })
    open.add(pool)

    async function endGracefully() {
      // A request that has just taken this pool gets its turn first.
      await nextTurn()
      await pool.close().catch(err => {
        log.debug({ url: describeUrl(origin), err }, 'connections were cut')
      })
      open.delete(pool)
    }

    function retire() {
      if (isRetired) return
      // First, because the cache calls back here when it lets go.
      isRetired = true
      if (current.peek(key) === made) current.delete(key)
      void endGracefully()
    }

    async function request(wanted: PoolRequest) {
      // undici frees a connection one turn after its answer ended; who asks on at once would open another.
      const { connected, free } = pool.stats
      if (connected > 0 && free === 0) await nextTurn()
      // undici itself notices an abort only once there is a connection.
      return abortable(
        pool.request(optionsOf(wanted, isForwarded ? proxy : undefined)),
        wanted.signal,
      )
    }

    const made = { request, connections: () => connections, retire }
    return made
  }

  function poolFor(route: Route): ConnectionPool {
    const key = keyOf(route)
    const held = current.get(key)
    if (held !== undefined) return held
    const made = makePool(key, route)
    current.set(key, made)
    return made
  }

  async function close(): Promise<void> {
    const reason = new Error('the transport was closed')
    closed.abort(reason)
    current.clear()
    await Promise.allSettled([...open].map(pool => pool.destroy(reason)))
    open.clear()
  }

  return { poolFor, poolAside: route => makePool(keyOf(route), route), close }
}

function optionsOf(
  { url, method, headers, body, signal, headersTimeout, bodyTimeout }: PoolRequest,
  forwardingProxy: ProxyServer | undefined,
): Dispatcher.RequestOptions {
  const path = `${url.pathname}${url.search}`
  const common = {
    method,
    body: body ?? null,
    signal,
    headersTimeout,
    bodyTimeout,
    // undici would close the connection after each HEAD, our most frequent question.
    ...(method === 'HEAD' ? { reset: false } : {}),
  }
  if (forwardingProxy === undefined) return { ...common, path, headers }
  const { authorization } = forwardingProxy
  const own = authorization === undefined ? {} : { 'proxy-authorization': authorization }
  return {
    ...common,
    path: `${url.origin}${path}`,
    headers: { ...headers, ...own, host: url.host },
  }
}

function keyOf({ origin, proxy, tls, mayLieIn, connectMs }: Route): string {
  const kinds = mayLieIn === 'any' ? 'any' : [...mayLieIn].toSorted()
  return JSON.stringify([
    origin.origin,
    proxy?.url.href,
    proxy?.authorization,
    tls,
    kinds,
    connectMs,
  ])
}

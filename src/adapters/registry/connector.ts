import type { Socket } from 'node:net'
import { LRUCache } from 'lru-cache'
import { UpstreamFailure } from '../../ports/errors.ts'
import type { ResolveName } from '../../ports/resolve-name.ts'
import { withLimit } from './abortable.ts'
import { type AddressKind, classifyAddress, mayContact } from './address-guard.ts'
import { dial, orderAddresses } from './dial.ts'
import { shakeHands, type TimeBounds } from './handshake.ts'
import { portOf, socketHost } from './origin.ts'
import type { ProxyServer } from './proxy.ts'
import type { SecureContexts } from './secure-context.ts'
import type { TlsSettings } from './settings.ts'
import { openTunnel } from './tunnel.ts'

/** A way to a host: everything that decides over a connection, so that connections of one route can be shared. */
export interface Route {
  /** Scheme, host and port of the destination. */
  readonly origin: URL
  readonly proxy: ProxyServer | undefined
  readonly tls: TlsSettings | undefined
  /** The kinds of address that may be connected to beside public ones; `any` for what the operator wrote himself. */
  readonly mayLieIn: 'any' | ReadonlySet<AddressKind>
  /** Name, TCP, proxy and TLS together, ms. */
  readonly connectMs: number
}

/** Opens connections by route. */
export interface Connector {
  /**
   * @throws UpstreamFailure `unreachable` (dns, connect, tls, timeout, reset, protocol, forbidden-address) or `clock`; the signal's
   * reason when aborted
   */
  connect(route: Route, signal: AbortSignal): Promise<Socket>
  /** Where the host lay when it was last connected to without a proxy. */
  kindOf(host: string): AddressKind | undefined
}

const maxKeptHosts = 500

/** Makes a connector. */
export function createConnector(needs: {
  readonly resolveName: ResolveName
  readonly secureContexts: SecureContexts
  readonly timeBounds: TimeBounds
}): Connector {
  const { resolveName, secureContexts, timeBounds } = needs
  const lastGood = new LRUCache<string, string>({ max: maxKeptHosts })
  const sessions = new LRUCache<string, Buffer>({ max: maxKeptHosts })

  async function openTcp(
    to: URL,
    mayLieIn: Route['mayLieIn'],
    signal: AbortSignal,
  ): Promise<Socket> {
    const host = socketHost(to)
    const known = await resolveName(host, signal)
    // The very addresses that are dialled are checked: a name cannot answer twice.
    const allowed = known.filter(address => isAllowed(address, mayLieIn))
    if (allowed.length === 0) throw forbidden(host, known)
    const addresses = orderAddresses(allowed, lastGood.get(host))
    const socket = await dial({ addresses, port: portOf(to), host }, signal)
    if (socket.remoteAddress !== undefined) lastGood.set(host, socket.remoteAddress)
    return socket
  }

  async function secure(
    socket: Socket,
    to: URL,
    tls: TlsSettings | undefined,
    signal: AbortSignal,
  ): Promise<Socket> {
    const host = socketHost(to)
    const sessionKey = JSON.stringify([to.host, tls])
    const context = await destroyingOnFailure(socket, secureContexts(tls))
    const peer = {
      host,
      context,
      verify: tls?.insecureSkipVerify !== true,
      session: sessions.get(sessionKey),
      onSession: (session: Buffer) => void sessions.set(sessionKey, session),
    }
    return shakeHands(socket, peer, timeBounds, signal)
  }

  async function throughProxy(
    proxy: ProxyServer,
    route: Route,
    signal: AbortSignal,
  ): Promise<Socket> {
    const { origin, tls } = route
    const plain = await openTcp(proxy.url, 'any', signal)
    const socket =
      proxy.url.protocol === 'https:' ? await secure(plain, proxy.url, undefined, signal) : plain
    // Plain http is asked of the proxy in absolute form, without a tunnel (RFC 9112 section 3.2.2).
    if (origin.protocol === 'http:') return socket
    const authority = `${origin.hostname}:${portOf(origin)}`
    await destroyingOnFailure(socket, openTunnel(socket, authority, proxy, signal))
    return secure(socket, origin, tls, signal)
  }

  async function directly(route: Route, signal: AbortSignal): Promise<Socket> {
    const socket = await openTcp(route.origin, route.mayLieIn, signal)
    return route.origin.protocol === 'http:'
      ? socket
      : secure(socket, route.origin, route.tls, signal)
  }

  function connect(route: Route, signal: AbortSignal): Promise<Socket> {
    const limit = { signal, ms: route.connectMs, reason: () => tooSlow(route) }
    return withLimit(limit, cut =>
      route.proxy === undefined ? directly(route, cut) : throughProxy(route.proxy, route, cut),
    )
  }

  function kindOf(host: string): AddressKind | undefined {
    const address = lastGood.get(host)
    return address === undefined ? undefined : classifyAddress(address)
  }

  return { connect, kindOf }
}

function isAllowed(address: string, mayLieIn: Route['mayLieIn']): boolean {
  return mayLieIn === 'any' || mayContact(address, mayLieIn)
}

function forbidden(host: string, addresses: readonly string[]): UpstreamFailure {
  const kinds = [...new Set(addresses.map(classifyAddress))].join(', ')
  const message = `${host} lies at a ${kinds} address, to which this upstream may not lead`
  return new UpstreamFailure('unreachable', 'forbidden-address', message)
}

function tooSlow({ origin, proxy, connectMs }: Route): UpstreamFailure {
  const through = proxy === undefined ? '' : ` through the proxy ${proxy.url.host}`
  const message = `${origin.host} was not connected to${through} within ${connectMs} ms`
  return new UpstreamFailure('unreachable', 'timeout', message)
}

async function destroyingOnFailure<T>(socket: Socket, step: Promise<T>): Promise<T> {
  try {
    return await step
  } catch (error) {
    socket.destroy()
    throw error
  }
}

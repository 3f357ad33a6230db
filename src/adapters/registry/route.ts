import { isIP } from 'node:net'
import { UpstreamFailure } from '../../ports/errors.ts'
import type { ResolveName } from '../../ports/resolve-name.ts'
import { type AddressKind, classifyAddress, mayContact } from './address-guard.ts'
import type { Route } from './connector.ts'
import { describeUrl, sameOrigin, socketHost } from './origin.ts'
import { isPresetHost } from './presets.ts'
import { chooseProxy, type ProxyEnvironment } from './proxy.ts'
import type { EndpointSettings, TlsSettings } from './settings.ts'

/** Decides how a URL is reached on behalf of an endpoint. */
export type ChooseRoute = (
  question: {
    readonly url: URL
    readonly endpoint: EndpointSettings
    readonly trust?: 'endpoint' | 'follow' | undefined
    readonly connectMs: number
  },
  signal: AbortSignal,
) => Promise<Route>

/** Makes the chooser. It throws `UpstreamFailure` `unreachable`/`forbidden-address` for what must not be contacted. */
export function createChooseRoute(needs: {
  readonly resolveName: ResolveName
  readonly kindOf: (host: string) => AddressKind | undefined
  readonly environment: ProxyEnvironment
}): ChooseRoute {
  const { resolveName, kindOf, environment } = needs

  /** Where the upstream lies: what it was connected to, or would be. */
  async function kindsOf(endpoint: EndpointSettings, signal: AbortSignal) {
    const host = socketHost(new URL(endpoint.url))
    const kind = kindOf(host)
    if (kind !== undefined) return new Set([kind])
    try {
      return new Set((await resolveName(host, signal)).map(classifyAddress))
    } catch {
      signal.throwIfAborted()
      return new Set<AddressKind>()
    }
  }

  // The proxy resolves the name and connects, so the name is all there is to judge.
  async function refuseByName(
    url: URL,
    endpoint: EndpointSettings,
    kinds: ReadonlySet<AddressKind>,
    signal: AbortSignal,
  ): Promise<void> {
    const host = socketHost(url)
    if (isPresetHost(endpoint.registry, host)) return
    if (isIP(host) === 0 && !kinds.has('private') && isLocalName(host)) throw refusal(url)
    const addresses = await resolveName(host, signal).catch(() => [])
    signal.throwIfAborted()
    if (addresses.some(address => !mayContact(address, kinds))) throw refusal(url)
  }

  return async function chooseRoute({ url, endpoint, trust, connectMs }, signal) {
    const isEndpoint = trust !== 'follow' || sameOrigin(url, endpoint.url)
    const proxy = proxyFor(url, endpoint, environment)
    const origin = new URL(url.origin)
    const tls = tlsFor(url, endpoint)
    if (endpoint.publicOnly) {
      if (proxy !== undefined) throw unnamed(endpoint)
      return { origin, proxy, tls, connectMs, mayLieIn: new Set() }
    }
    if (isEndpoint) return { origin, proxy, tls, connectMs, mayLieIn: 'any' }
    const mayLieIn = await kindsOf(endpoint, signal)
    if (proxy !== undefined) await refuseByName(url, endpoint, mayLieIn, signal)
    return { origin, proxy, tls, connectMs, mayLieIn }
  }
}

function proxyFor(url: URL, { proxy }: EndpointSettings, environment: ProxyEnvironment) {
  try {
    return chooseProxy(url, proxy, environment)
  } catch (cause) {
    const message = `${url.host} cannot be asked: ${(cause as Error).message}`
    throw new UpstreamFailure('unreachable', 'connect', message, { cause })
  }
}

// A client certificate tells who we are: only the endpoint's own host is shown it.
function tlsFor(url: URL, { url: own, tls }: EndpointSettings): TlsSettings | undefined {
  if (tls === undefined || url.hostname === new URL(own).hostname) return tls
  return { caFile: tls.caFile, insecureSkipVerify: tls.insecureSkipVerify }
}

function isLocalName(host: string): boolean {
  return (
    !host.includes('.') || /\.(?:local|localhost|internal|localdomain|home\.arpa)\.?$/.test(host)
  )
}

function refusal(url: URL): UpstreamFailure {
  const message = `${describeUrl(url)} is no place to which this upstream may lead`
  return new UpstreamFailure('unreachable', 'forbidden-address', message)
}

function unnamed({ registry }: EndpointSettings): UpstreamFailure {
  const message = `${registry} is allowed by "*" alone, which needs addresses that can be checked, but a proxy hides them: name ${registry} under upstreams, or exempt it from the proxy`
  return new UpstreamFailure('unreachable', 'forbidden-address', message)
}

import { HoldfastError } from '../../ports/errors.ts'
import { percentDecoded } from './origin.ts'
import {
  type AuthSettings,
  defaultTimeouts,
  type EndpointConfig,
  type EndpointSettings,
  type UpstreamSettings,
  type UpstreamsSettings,
} from './settings.ts'

/** What is known of a registry without configuration. */
export interface Preset {
  readonly url: string
  /** Token hosts that may receive the registry's credentials. */
  readonly realms: readonly string[]
  /** Hosts to which it redirects for blobs. */
  readonly blobHosts: readonly string[]
}

const presets: Readonly<Record<string, Preset>> = {
  'docker.io': {
    url: 'https://registry-1.docker.io',
    realms: ['auth.docker.io'],
    blobHosts: [
      'production.cloudflare.docker.com',
      'docker-images-prod.6aa30f8b08e16409b46e0173d6de2f56.r2.cloudflarestorage.com',
    ],
  },
}

/** Where a registry is when nobody says. */
export const urlOf = (registry: string): string => presets[registry]?.url ?? `https://${registry}`

/** What an upstream is when nothing is written under its name. */
export const defaultUpstream: UpstreamSettings = {
  url: undefined,
  endpoints: [],
  rewrite: {},
  auth: undefined,
  tls: undefined,
  proxy: undefined,
  realms: [],
  timeouts: defaultTimeouts,
  policies: {},
}

/** Whether a host is known to belong to a registry, as its token or blob host. */
export function isPresetHost(registry: string, host: string): boolean {
  const preset = presets[registry]
  return preset !== undefined && [...preset.realms, ...preset.blobHosts].includes(host)
}

/**
 * The places to ask for a registry, in order: its endpoints, then its own URL. Empty when it is not configured and `"*"` is not either.
 * What is written for the upstream itself (credentials, TLS, proxy) is for its own URL: endpoints have their own or none.
 * @throws HoldfastError `config-invalid` for a URL that cannot be used; the message shows no credentials
 */
export function endpointsOf(
  registry: string,
  upstreams: UpstreamsSettings,
): readonly EndpointSettings[] {
  const own = Object.hasOwn(upstreams, registry) ? upstreams[registry] : undefined
  if (own !== undefined) return configuredEndpoints(registry, own, registry, false)
  const anyRegistry = upstreams['*']
  if (anyRegistry === undefined) return []
  return configuredEndpoints(
    registry,
    { ...anyRegistry, url: undefined, auth: undefined },
    '*',
    true,
  )
}

function configuredEndpoints(
  registry: string,
  upstream: UpstreamSettings,
  entry: string,
  isWildcard: boolean,
): readonly EndpointSettings[] {
  const preset = presets[registry]
  const base = upstream.url ?? urlOf(registry)
  const path = `upstreams["${entry}"]`
  const realms = [...(preset?.realms ?? []), ...upstream.realms]
  const common = { registry, timeouts: upstream.timeouts }

  const own: EndpointSettings = {
    ...common,
    ...locate({ url: base, auth: upstream.auth }, `${path}.url`),
    rewrite: {},
    tls: upstream.tls,
    proxy: upstream.proxy,
    realms,
    publicOnly: isWildcard,
  }
  const mirrors = upstream.endpoints.map(
    (endpoint, i): EndpointSettings => ({
      ...common,
      ...locate(endpoint, `${path}.endpoints[${i}].url`),
      rewrite: upstream.rewrite,
      tls: endpoint.tls,
      proxy: endpoint.proxy,
      realms: upstream.realms,
      // Written by the operator himself, also under "*".
      publicOnly: false,
    }),
  )
  return [...mirrors, ...(mirrors.some(({ url }) => url === own.url) ? [] : [own])]
}

/** User and password in a URL become its credentials, so that the URL can be shown. */
function locate(
  { url: text, auth }: Pick<EndpointConfig, 'url' | 'auth'>,
  at: string,
): { url: string; auth: AuthSettings | undefined } {
  const url = parseBase(text, at)
  const { username, password } = url
  const written = { username: percentDecoded(username), password: percentDecoded(password) }
  return {
    url: `${url.origin}${url.pathname.replace(/\/+$/, '').replace(/\/v2$/, '')}`,
    auth: auth ?? (username === '' ? undefined : written),
  }
}

function parseBase(text: string, at: string): URL {
  const url = URL.canParse(text) ? new URL(text) : undefined
  if (url !== undefined && (url.protocol === 'https:' || url.protocol === 'http:')) return url
  const message = `${at}: not a URL that begins with https:// or http://`
  throw new HoldfastError('config-invalid', message)
}

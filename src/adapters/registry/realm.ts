import type { Challenge } from './challenge.ts'
import type { EndpointSettings } from './settings.ts'

/** Where an endpoint's tokens come from, as its challenges say. */
export interface Realm {
  readonly url: URL
  readonly service: string | undefined
}

/** The realm of a Bearer challenge; `undefined` when it names none that can be asked. */
export function realmOf(challenge: Challenge, endpoint: EndpointSettings): Realm | undefined {
  const { realm, service } = challenge.parameters
  if (realm === undefined || !URL.canParse(realm, endpoint.url)) return undefined
  const url = new URL(realm, endpoint.url)
  if (url.protocol !== 'https:' && url.protocol !== 'http:') return undefined
  url.username = ''
  url.password = ''
  url.hash = ''
  return { url, service }
}

/**
 * Whether credentials of an endpoint may go to a token host: its own host, a preset's or one listed in `realms`; only over TLS, unless
 * the endpoint itself is plain http.
 */
export function mayHaveCredentials(realm: URL, endpoint: EndpointSettings): boolean {
  const own = new URL(endpoint.url)
  if (realm.protocol === 'http:' && own.protocol !== 'http:') return false
  return realm.hostname === own.hostname || endpoint.realms.some(host => isSameHost(host, realm))
}

/** `host` means its usual port, `host:port` that one. */
function isSameHost(written: string, realm: URL): boolean {
  const text = `${realm.protocol}//${written}`
  return URL.canParse(text) && new URL(text).host === realm.host
}

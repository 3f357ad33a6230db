import type { EndpointSettings } from './settings.ts'

/** What proves to a registry who we are. */
export type Credential =
  | { readonly kind: 'basic'; readonly username: string; readonly password: string }
  /** A registry token, sent as it is. */
  | { readonly kind: 'bearer'; readonly token: string }
  /** An OAuth2 refresh token, exchanged at the token host; `username` as the store that held it names it. */
  | { readonly kind: 'identity'; readonly token: string; readonly username: string }

/** Finds the credential for an endpoint, `undefined` for none. Never rejects: what cannot be read is logged and counts as none. */
export type FindCredential = (endpoint: EndpointSettings) => Promise<Credential | undefined>

/** The `Authorization` header of RFC 7617. */
export function basicHeader(username: string, password: string): string {
  return `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`
}

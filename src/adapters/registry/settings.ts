/** Deadlines of one request, in ms. */
export interface Timeouts {
  /** Name, TCP, proxy and TLS together. */
  readonly connectMs: number
  /** From the request sent to the last header received. */
  readonly headersMs: number
  /** How long a body may make no progress. */
  readonly stallMs: number
}

/** What applies where nothing is written. */
export const defaultTimeouts: Timeouts = { connectMs: 3_000, headersMs: 10_000, stallMs: 10_000 }

/** Credentials as written by the operator. Files are read again when they change. */
export interface AuthSettings {
  readonly username?: string | undefined
  readonly password?: string | undefined
  readonly passwordFile?: string | undefined
  /** A registry token, sent as it is: `Authorization: Bearer …`. */
  readonly token?: string | undefined
  readonly tokenFile?: string | undefined
  /** An OAuth2 refresh token, exchanged at the token host. */
  readonly identityToken?: string | undefined
}

/** How a host's certificate is judged and which one is shown to it. */
export interface TlsSettings {
  /** PEM; trusted beside the system's authorities. */
  readonly caFile?: string | undefined
  /** PEM of a client certificate; needs `keyFile`. */
  readonly certFile?: string | undefined
  readonly keyFile?: string | undefined
  readonly insecureSkipVerify?: boolean | undefined
}

/** One endpoint as written under an upstream. */
export interface EndpointConfig {
  readonly url: string
  readonly auth?: AuthSettings | undefined
  readonly tls?: TlsSettings | undefined
  readonly proxy?: string | undefined
}

/** What a question's class of failure leads to. */
export type Policy = 'serve' | 'deny'

/** One upstream as the configuration yields it. */
export interface UpstreamSettings {
  /** `undefined`: `https://NAME`, or the preset's. */
  readonly url: string | undefined
  /** Asked in order before `url`. */
  readonly endpoints: readonly EndpointConfig[]
  /** Regular expression on the repository → replacement with `$1`; for `endpoints`, never for `url`. The first that matches applies. */
  readonly rewrite: Readonly<Record<string, string>>
  readonly auth: AuthSettings | undefined
  readonly tls: TlsSettings | undefined
  /** A proxy's URL; `''`: none, even when the environment names one. */
  readonly proxy: string | undefined
  /** Further hosts (`host` or `host:port`) that may receive this upstream's credentials as token realm. */
  readonly realms: readonly string[]
  readonly timeouts: Timeouts
  readonly policies: Readonly<
    Partial<Record<'unreachable' | 'rateLimited' | 'denied' | 'notFound', Policy>>
  >
}

/** By registry name; `"*"` stands for any public registry that has no entry of its own. */
export type UpstreamsSettings = Readonly<Record<string, UpstreamSettings>>

/** One place to ask, with everything that is needed to ask it. */
export interface EndpointSettings {
  /** The registry whose endpoint it is, as in `docker.io`. */
  readonly registry: string
  /** Base URL without a trailing slash; a path before `/v2/` is possible. */
  readonly url: string
  readonly rewrite: Readonly<Record<string, string>>
  readonly auth: AuthSettings | undefined
  readonly tls: TlsSettings | undefined
  readonly proxy: string | undefined
  readonly realms: readonly string[]
  readonly timeouts: Timeouts
  /** Allowed by `"*"` alone: only public addresses, and no proxy. */
  readonly publicOnly: boolean
}

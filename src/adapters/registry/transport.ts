import type { Readable } from 'node:stream'
import type { EndpointSettings, Timeouts } from './settings.ts'

/** An answer whose headers have come. */
export interface HttpAnswer {
  readonly status: number
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string | string[]>>
  /** Must be consumed or destroyed; its errors become an `UpstreamFailure` by {@link bodyFailure}. */
  readonly body: Readable
  readonly url: string
  /** Came over TLS from a host whose certificate was verified. */
  readonly overVerifiedTls: boolean
}

/** One request. */
export interface HttpQuestion {
  readonly url: URL
  readonly method: 'GET' | 'HEAD' | 'POST'
  readonly headers: Readonly<Record<string, string>>
  readonly body?: string | undefined
  /** Whose certificate rules, proxy and trust apply. */
  readonly endpoint: EndpointSettings
  readonly signal: AbortSignal
  readonly timeouts: Timeouts
  /** Never on a kept connection; later requests use the new one too. */
  readonly freshConnection?: boolean | undefined
  /**
   * `endpoint` (the default): the URL is the configured one. `follow`: the URL was named by an answer (redirect, token realm), so
   * its address must be one that the upstream may lead to.
   */
  readonly trust?: 'endpoint' | 'follow' | undefined
}

/** HTTP as the upstream client needs it. */
export interface Transport {
  /**
   * One request; follows no redirect, adds no credentials.
   * @throws UpstreamFailure `unreachable` (dns, connect, tls, timeout, reset, protocol, forbidden-address) or `clock`; the signal's
   * reason when aborted
   */
  request(question: HttpQuestion): Promise<HttpAnswer>
  /** Cuts everything; ends in bounded time. */
  close(): Promise<void>
}

/**
 * How a question to an upstream failed, as policies see it.
 * `unreachable`: nobody who is that registry answered. `rate-limited`: 429. `denied`: 401 or 403 after the token dance.
 * `not-found`: 404 or 410, said by a registry. `clock`: a certificate is "not yet valid" or "expired" while our own clock is
 * before the build date or the highest time ever trusted.
 */
export type FailureClass = 'unreachable' | 'rate-limited' | 'denied' | 'not-found' | 'clock'

/** What exactly went wrong behind a {@link FailureClass}; a closed set, fit for a metric label. */
export type FailureReason =
  | 'unconfigured' // no upstream of that name is configured
  | 'known-down' // the breaker is open: not asked at all
  | 'offline' // mode is `offline`: not asked at all
  | 'dns'
  | 'connect'
  | 'tls'
  | 'timeout'
  | 'reset'
  | 'stalled' // a body made no progress for `stallMs`
  | 'status' // a status no registry gives for this question (5xx included)
  | 'portal' // an answer in a registry's place: a login page, a redirect to one, a 4xx without an OCI body or challenge
  | 'protocol' // not HTTP, endless headers, a length that does not hold
  | 'wrong-digest' // a body that does not hash to its digest
  | 'forbidden-address' // a redirect, realm or name that leads to an address we must not contact
  | 'token' // the token host itself failed
  | 'denied'
  | 'not-found'
  | 'rate-limited'
  | 'clock'

/** A question that an upstream (or whoever stood in its place) did not answer usefully. */
export class UpstreamFailure extends Error {
  override readonly name = 'UpstreamFailure'
  readonly code: FailureClass
  readonly reason: FailureReason
  /** The HTTP status, when one came. */
  readonly status: number | undefined
  /** For `rate-limited`: how long the registry asked us to wait, in ms, already capped. */
  readonly retryAfterMs: number | undefined

  /** @param message names the registry or URL at fault, never a credential */
  constructor(
    code: FailureClass,
    reason: FailureReason,
    message: string,
    details: {
      cause?: unknown
      status?: number | undefined
      retryAfterMs?: number | undefined
    } = {},
  ) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause })
    this.code = code
    this.reason = reason
    this.status = details.status
    this.retryAfterMs = details.retryAfterMs
  }
}

/** Codes of what can fail in our own house. */
export type HoldfastErrorCode =
  | 'config-invalid' // the configuration has faults; the message lists them
  | 'directory-in-use' // another process keeps its state in the same directory
  | 'store-full' // no room may be made for new content; it can still be streamed
  | 'not-kept' // this node keeps no content of its own; it can still be streamed
  | 'store-unusable' // the blob directory cannot be read or written
  | 'wrong-digest' // bytes do not hash to their digest; they were dropped
  | 'ledger-unusable' // the database cannot be written (disk full, corrupt, read-only)
  | 'ledger-newer' // the database was written by a version whose `min_reader` is above ours
  | 'blob-interrupted' // the source of a blob died; what was delivered so far is good
  | 'blob-in-doubt' // a byte already delivered may be wrong

/** An error of ours: `code` is from a closed set, `message` names the value at fault and what to do. */
export class HoldfastError extends Error {
  override readonly name = 'HoldfastError'
  readonly code: HoldfastErrorCode

  constructor(code: HoldfastErrorCode, message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause })
    this.code = code
  }
}

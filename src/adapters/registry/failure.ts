import { type FailureReason, UpstreamFailure } from '../../ports/errors.ts'

const reasons: Readonly<Record<string, FailureReason>> = {
  UND_ERR_HEADERS_TIMEOUT: 'timeout',
  UND_ERR_BODY_TIMEOUT: 'stalled',
  UND_ERR_HEADERS_OVERFLOW: 'protocol',
  UND_ERR_RES_CONTENT_LENGTH_MISMATCH: 'protocol',
  UND_ERR_SOCKET: 'reset',
  ECONNRESET: 'reset',
  EPIPE: 'reset',
  ETIMEDOUT: 'timeout',
  EPROTO: 'tls',
}

const explanations: Partial<Readonly<Record<FailureReason, string>>> = {
  timeout: 'sent no complete headers in time',
  stalled: 'sent nothing more in the middle of a body',
  protocol: 'sent what is not HTTP',
  reset: 'closed the connection before its answer was complete',
  tls: 'broke off the TLS connection',
}

/**
 * What an HTTP exchange died of, in the port's words. An `UpstreamFailure` passes unchanged.
 * @param host names who failed; part of the message
 */
export function failureOf(error: unknown, host: string): UpstreamFailure {
  if (error instanceof UpstreamFailure) return error
  const reason = reasonOf(error)
  const explanation = reason === undefined ? 'could not be asked' : explanations[reason]
  const message = `${host} ${explanation ?? 'failed'}`
  return new UpstreamFailure('unreachable', reason ?? 'protocol', message, { cause: error })
}

/** Whether a kept connection was closed by the other side, so that the same question deserves a new one. */
export function isClosedConnection(error: unknown): boolean {
  return reasonOf(error) === 'reset'
}

function reasonOf(error: unknown): FailureReason | undefined {
  const code = (error as NodeJS.ErrnoException | undefined)?.code ?? ''
  if (code.startsWith('ERR_SSL') || code.startsWith('ERR_TLS')) return 'tls'
  return code.startsWith('HPE_') ? 'protocol' : reasons[code]
}

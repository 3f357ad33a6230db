import { isIP, type Socket } from 'node:net'
import { connect, type SecureContext, type TLSSocket } from 'node:tls'
import { UpstreamFailure } from '../../ports/errors.ts'

/** With whom TLS is spoken, and on which terms. */
export interface Peer {
  /** Name or address that the certificate must be for. */
  readonly host: string
  readonly context: SecureContext
  readonly verify: boolean
  /** Of an earlier connection to the same host. */
  readonly session: Buffer | undefined
  readonly onSession: (session: Buffer) => void
}

/** What time it is, and before which time it cannot be. */
export interface TimeBounds {
  readonly nowMs: () => number
  /** The later of the build date and the highest time ever trusted, ms since the epoch. */
  readonly earliestMs: () => number
}

/**
 * Speaks TLS over an open socket, HTTP/1.1 only. Destroys the socket when that fails.
 * @throws UpstreamFailure `clock` when a certificate seems out of its time while our clock cannot be right; else `unreachable` with
 * `tls` or `reset`; the signal's reason when aborted
 */
export async function shakeHands(
  socket: Socket,
  peer: Peer,
  bounds: TimeBounds,
  signal: AbortSignal,
): Promise<TLSSocket> {
  signal.throwIfAborted()
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  const secured = connect({
    socket,
    host: peer.host,
    secureContext: peer.context,
    rejectUnauthorized: peer.verify,
    ALPNProtocols: ['http/1.1'],
    ...(isIP(peer.host) === 0 ? { servername: peer.host } : {}),
    ...(peer.session === undefined ? {} : { session: peer.session }),
  })
  const onAbort = () => reject(signal.reason)
  signal.addEventListener('abort', onAbort, { once: true })
  secured.on('session', peer.onSession)
  // Stays: an error that nobody listens to would end the process.
  secured.on('error', error => reject(failureOfHandshake(error, peer.host, bounds)))
  secured.once('secureConnect', resolve)
  try {
    await promise
    return secured
  } catch (error) {
    secured.destroy()
    socket.destroy()
    throw error
  } finally {
    signal.removeEventListener('abort', onAbort)
  }
}

function failureOfHandshake(error: Error, host: string, bounds: TimeBounds): UpstreamFailure {
  const code = (error as NodeJS.ErrnoException).code ?? 'unknown'
  const isAboutTime = code === 'CERT_NOT_YET_VALID' || code === 'CERT_HAS_EXPIRED'
  const nowMs = bounds.nowMs()
  if (isAboutTime && nowMs < bounds.earliestMs()) {
    const clock = new Date(nowMs).toISOString()
    const message = `the certificate of ${host} seems out of its time, but this node's clock says ${clock}, which is in the past: set the clock`
    return new UpstreamFailure('clock', 'clock', message, { cause: error })
  }
  if (code === 'ECONNRESET' || code === 'EPIPE') {
    const message = `${host} closed the connection during the TLS handshake`
    return new UpstreamFailure('unreachable', 'reset', message, { cause: error })
  }
  const message = `no TLS connection to ${host} (${code})`
  return new UpstreamFailure('unreachable', 'tls', message, { cause: error })
}

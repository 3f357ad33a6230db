import type { Socket } from 'node:net'
import { UpstreamFailure } from '../../ports/errors.ts'
import type { ProxyServer } from './proxy.ts'

const maxAnswerBytes = 16 * 1024

/**
 * Asks the proxy at the other end of `socket` for a tunnel (RFC 9110 section 9.3.6). The socket is the caller's in either case.
 * @param authority `host:port` of the destination
 * @throws UpstreamFailure `unreachable`/`connect` when the proxy refuses, `protocol` when it does not speak HTTP
 */
export async function openTunnel(
  socket: Socket,
  authority: string,
  proxy: ProxyServer,
  signal: AbortSignal,
): Promise<void> {
  const credentials =
    proxy.authorization === undefined ? '' : `Proxy-Authorization: ${proxy.authorization}\r\n`
  socket.write(`CONNECT ${authority} HTTP/1.1\r\nHost: ${authority}\r\n${credentials}\r\n`)
  const head = await readHead(socket, proxy, signal)
  const status = /^HTTP\/1\.[01] (\d{3})/.exec(head)?.[1]
  if (status === undefined) throw failure('protocol', proxy, 'did not answer CONNECT with HTTP')
  if (status.startsWith('2')) return
  const number = Number(status)
  throw failure('connect', proxy, `answered ${status} to CONNECT ${authority}`, number)
}

async function readHead(socket: Socket, proxy: ProxyServer, signal: AbortSignal): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>()
  let seen = Buffer.alloc(0)

  function onReadable() {
    for (let chunk = socket.read(); chunk !== null; chunk = socket.read()) {
      seen = Buffer.concat([seen, chunk])
      const end = seen.indexOf('\r\n\r\n')
      if (end >= 0) {
        // What follows belongs to the destination.
        if (seen.length > end + 4) socket.unshift(seen.subarray(end + 4))
        return resolve(seen.toString('latin1', 0, end))
      }
      if (seen.length > maxAnswerBytes) {
        return reject(failure('protocol', proxy, 'sent endless headers'))
      }
    }
  }
  const onEnd = () => reject(failure('reset', proxy, 'closed the connection at CONNECT'))
  const onError = (cause: Error) =>
    reject(failure('reset', proxy, 'broke the connection at CONNECT', undefined, cause))
  const onAbort = () => reject(signal.reason)

  socket.on('readable', onReadable).once('end', onEnd).once('error', onError)
  signal.addEventListener('abort', onAbort, { once: true })
  try {
    return await promise
  } finally {
    socket.off('readable', onReadable).off('end', onEnd).off('error', onError)
    signal.removeEventListener('abort', onAbort)
  }
}

function failure(
  reason: 'connect' | 'protocol' | 'reset',
  proxy: ProxyServer,
  what: string,
  status?: number,
  cause?: unknown,
): UpstreamFailure {
  const message = `the proxy ${proxy.url.host} ${what}`
  return new UpstreamFailure('unreachable', reason, message, { status, cause })
}

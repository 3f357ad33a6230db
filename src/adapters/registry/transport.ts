import type { Readable } from 'node:stream'
import type { Clock } from '../../ports/clock.ts'
import { UpstreamFailure } from '../../ports/errors.ts'
import type { Log } from '../../ports/log.ts'
import type { ResolveName } from '../../ports/resolve-name.ts'
import { type ConnectionPool, createConnectionPools } from './connection-pools.ts'
import { createConnector } from './connector.ts'
import { failureOf, isClosedConnection } from './failure.ts'
import { describeUrl } from './origin.ts'
import type { ProxyEnvironment } from './proxy.ts'
import { createChooseRoute } from './route.ts'
import { createSecureContexts } from './secure-context.ts'
import type { EndpointSettings, Timeouts } from './settings.ts'

/** An answer whose headers have come. */
export interface HttpAnswer {
  readonly status: number
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string | string[]>>
  /** Must be consumed or destroyed; its errors become an `UpstreamFailure` by `failureOf`. Empty and done for a HEAD. */
  readonly body: Readable
  /** Without its query, which may carry a signature. */
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
  /**
   * Never on a kept connection. `true`: later requests use the new one too, and the kept ones no more; `aside`: the kept ones stay,
   * and the new one is closed when it has done its work.
   */
  readonly freshConnection?: boolean | 'aside' | undefined
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

/**
 * Makes the transport: connections kept per route, HTTP/1.1.
 * `earliestTimeMs` is the later of the build date and the highest time ever trusted, ms since the epoch.
 */
export function createTransport(
  needs: {
    readonly resolveName: ResolveName
    readonly clock: Clock
    readonly log: Log
    readonly earliestTimeMs: () => number
  },
  options: {
    readonly environment?: ProxyEnvironment
    /** Sent with every question, so that the mirror of this process knows those that come back to it. */
    readonly mark?: string
  } = {},
): Transport {
  const { resolveName, clock, log, earliestTimeMs } = needs
  const connector = createConnector({
    resolveName,
    secureContexts: createSecureContexts(),
    timeBounds: { nowMs: () => clock.wallMs(), earliestMs: earliestTimeMs },
  })
  const pools = createConnectionPools({ connector, log })
  const chooseRoute = createChooseRoute({
    resolveName,
    kindOf: connector.kindOf,
    environment: options.environment ?? process.env,
  })

  const marked = (question: HttpQuestion): HttpQuestion =>
    options.mark === undefined
      ? question
      : { ...question, headers: { 'holdfast-node': options.mark, ...question.headers } }

  async function request(asked: HttpQuestion): Promise<HttpAnswer> {
    const question = marked(asked)
    question.signal.throwIfAborted()
    const deadline = startDeadline(question)
    try {
      const { connectMs } = question.timeouts
      const route = await chooseRoute({ ...question, connectMs }, deadline.signal)
      const answer = await (question.freshConnection === 'aside'
        ? sendAside(question, pools.poolAside(route), deadline.signal)
        : exchange(question, () => pools.poolFor(route), deadline.signal))
      deadline.stop()
      answer.body.once('close', deadline.release)
      return answer
    } catch (error) {
      deadline.release()
      throw question.signal.aborted ? question.signal.reason : failureOf(error, question.url.host)
    }
  }

  /** A kept connection may have been closed by the other side meanwhile: that is no answer, and a new one is tried, once. */
  async function exchange(
    question: HttpQuestion,
    pool: () => ConnectionPool,
    signal: AbortSignal,
  ): Promise<HttpAnswer> {
    if (question.freshConnection === true) pool().retire()
    const first = pool()
    const connectionsBefore = first.connections()
    try {
      return await send(question, first, signal)
    } catch (error) {
      // Whatever else is kept on this route has most likely died with it.
      first.retire()
      const wasKept = first.connections() === connectionsBefore
      const mayRepeat = question.method !== 'POST' && isClosedConnection(error) && wasKept
      if (!mayRepeat || signal.aborted) throw error
      log.debug({ url: describeUrl(question.url) }, 'a kept connection was closed, asking again')
      return send(question, pool(), signal)
    }
  }

  return { request, close: pools.close }
}

async function sendAside(question: HttpQuestion, pool: ConnectionPool, signal: AbortSignal) {
  try {
    return await send(question, pool, signal)
  } finally {
    pool.retire()
  }
}

async function send(
  { url, method, headers, body, timeouts, endpoint }: HttpQuestion,
  pool: ConnectionPool,
  signal: AbortSignal,
): Promise<HttpAnswer> {
  const answer = await pool.request({
    url,
    method,
    headers: { 'user-agent': 'holdfast', ...headers },
    body,
    signal,
    headersTimeout: timeouts.headersMs,
    bodyTimeout: timeouts.stallMs,
  })
  // Stays: an error that nobody listens to would end the process.
  answer.body.on('error', () => undefined)
  if (method === 'HEAD') answer.body.resume()
  return {
    status: answer.statusCode,
    // undici's type allows absent values because its reader may ask for any name; none is in the record.
    headers: answer.headers as Record<string, string | string[]>,
    body: answer.body,
    url: describeUrl(url),
    overVerifiedTls: url.protocol === 'https:' && endpoint.tls?.insecureSkipVerify !== true,
  }
}

/**
 * Bounds everything up to the last header, whatever keeps it from coming: undici's own limit starts anew with each interim answer and
 * does not count the wait for a connection.
 */
function startDeadline({ signal, url, timeouts }: HttpQuestion) {
  const cut = new AbortController()
  const onAbort = () => cut.abort(signal.reason)
  signal.addEventListener('abort', onAbort, { once: true })
  const limitMs = timeouts.connectMs + timeouts.headersMs
  const timer = setTimeout(() => {
    const message = `${url.host} sent no complete headers within ${limitMs} ms`
    cut.abort(new UpstreamFailure('unreachable', 'timeout', message))
  }, limitMs)
  const stop = () => clearTimeout(timer)
  const release = () => {
    stop()
    signal.removeEventListener('abort', onAbort)
  }
  return { signal: cut.signal, stop, release }
}

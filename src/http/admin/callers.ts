import type { IncomingMessage } from 'node:http'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import { LRUCache } from 'lru-cache'
import type { Clock } from '../../ports/clock.ts'
import type { TokenFile, TokenHolder } from '../token-file.ts'
import { sendProblem } from './problem.ts'

/** Wrong tokens that one address may send at once, and how long it takes until it may send another one, ms. */
const failures = { burst: 20, everyMs: 3_000 } as const
/** Addresses whose failures are remembered. */
const maxAddresses = 1_000

/** Who asks. */
export interface Callers {
  /** Of a request that was let in. */
  of(request: FastifyRequest): TokenHolder
  /** Whether it would be let in now, too: its token may have been taken away. */
  isLetIn(request: FastifyRequest): boolean
}

/** On the unix socket the file's mode is the permission. */
const onSocket: TokenHolder = { name: 'socket', role: 'write' }

/**
 * Lets in who sends a token, and whoever `isTrusted` says; tells the rest where the token lies. Who guesses too often is told to wait. A right
 * token is let in even so: others may guess from its address, and tokens are too long to be found by guessing.
 */
export function admitCallers(
  app: FastifyInstance,
  {
    token,
    isTrusted,
    openPath,
    clock,
  }: {
    readonly token: TokenFile
    readonly isTrusted: (request: IncomingMessage) => boolean
    /** What is told to everybody, there is nothing of this node in it. */
    readonly openPath: string
    readonly clock: Pick<Clock, 'monotonicMs'>
  },
): Callers {
  const callers = new WeakMap<IncomingMessage, TokenHolder>()
  /** By address: until when its failures weigh, ms on the monotonic clock. */
  const weights = new LRUCache<string, number>({ max: maxAddresses })

  /** How long an address has to wait, ms; 0: it may try. */
  function waitOf(address: string): number {
    const untilMs = weights.get(address) ?? 0
    return Math.max(0, untilMs - clock.monotonicMs() - failures.burst * failures.everyMs)
  }

  function fail(address: string): void {
    const untilMs = Math.max(weights.get(address) ?? 0, clock.monotonicMs())
    weights.set(address, untilMs + failures.everyMs)
  }

  app.addHook('onRequest', (request, reply, done) => {
    if (isTrusted(request.raw)) {
      callers.set(request.raw, onSocket)
      return done()
    }
    if (request.routeOptions.url === openPath) return done()
    const address = request.ip
    const given = tokenIn(request)
    const holder = given === undefined ? undefined : token.holderOf(given)
    if (holder !== undefined) {
      callers.set(request.raw, holder)
      return done()
    }
    const waitMs = waitOf(address)
    if (waitMs > 0) {
      reply.header('Retry-After', Math.ceil(waitMs / 1000))
      const detail = `too many wrong tokens from ${address}: wait ${Math.ceil(waitMs / 1000)} s; a right one is let in even so`
      return sendProblem(reply, { status: 429, detail })
    }
    if (given !== undefined) fail(address)
    reply.header('WWW-Authenticate', 'Bearer realm="holdfast"')
    return sendProblem(reply, { status: 401, detail: tellToken(given, token) })
  })

  return {
    of: request => callers.get(request.raw) ?? { name: 'nobody', role: 'read' },
    isLetIn: request =>
      isTrusted(request.raw) || token.holderOf(tokenIn(request) ?? '') !== undefined,
  }
}

const tokenIn = ({ headers }: FastifyRequest): string | undefined =>
  /^Bearer +(\S+)$/i.exec(headers.authorization ?? '')?.[1]

/** What is wrong with the token that came, where one is to be had, and whether a newer one counts. */
function tellToken(given: string | undefined, { failure }: Pick<TokenFile, 'failure'>): string {
  const doubt =
    failure() === undefined ? '' : '; it is not taken as it is now: the log and /readyz say why'
  // By the name of its key: where files of the node lie is nothing for strangers.
  const file = 'the file that admin.tokenFile of the node names'
  return given === undefined
    ? `no token was sent: send one of ${file}, as "Authorization: Bearer TOKEN"${doubt}`
    : `the token is none of those in ${file}${doubt}`
}

import type { IncomingMessage, ServerResponse } from 'node:http'
import { type FastifyInstance, fastify } from 'fastify'
import { errorBody } from '../oci/errors.ts'
import { refuseUnreadable } from './refuse-unreadable.ts'
import { sendError } from './send-answer.ts'
import { withoutSchemas } from './without-schemas.ts'

/** A connection on which nothing moves for this long, in ms, is closed: a client that stopped reading. */
const silentConnectionMs = 5 * 60_000

/** containerd keeps idle connections for 30 s, other clients up to a minute; who closes first causes no reset. */
const keepAliveMs = 75_000

/** How long a request's head, and the whole of it, may take to arrive, in ms. */
const requestWithinMs = 30_000

const maxHeaderBytes = 16 * 1024

/** The server and its only route. Answers are written to node's own response, which costs less than a reply of fastify's. */
export function createMirrorApp(
  serve: (request: IncomingMessage, response: ServerResponse) => void,
): FastifyInstance {
  const app = fastify({
    logger: false,
    schemaController: withoutSchemas,
    return503OnClosing: false,
    // Ours to end, see the listener.
    forceCloseConnections: false,
    keepAliveTimeout: keepAliveMs,
    connectionTimeout: silentConnectionMs,
    requestTimeout: requestWithinMs,
    maxRequestsPerSocket: 0,
    http: { maxHeaderSize: maxHeaderBytes, headersTimeout: requestWithinMs },
    // Our own reading of the query is cheaper and never throws.
    routerOptions: { querystringParser: () => noQuery, maxParamLength: maxHeaderBytes },
    frameworkErrors: (error, _request, reply) => {
      reply.hijack()
      sendError(reply.raw, 400, { code: 'NAME_INVALID', message: error.message })
    },
    clientErrorHandler: refuseUnreadable(maxHeaderBytes, message => ({
      type: 'application/json',
      body: errorBody('NAME_INVALID', message),
    })),
  })
  // No body is ever read: any type of it is accepted, and left where it is.
  app.removeAllContentTypeParsers()
  app.addContentTypeParser('*', (_request, _payload, done) => done(null))
  const handler = (
    request: { readonly raw: IncomingMessage },
    reply: { hijack(): unknown; readonly raw: ServerResponse },
  ): void => {
    reply.hijack()
    serve(request.raw, reply.raw)
  }
  const method = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'] as const
  app.route({ method: [...method], url: '/v2/*', handler })
  app.setNotFoundHandler(handler)
  return app
}

const noQuery: Record<string, string> = {}

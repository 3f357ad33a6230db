import { readFile } from 'node:fs/promises'
import type { IncomingMessage } from 'node:http'
import { type FastifyInstance, type FastifyRequest, fastify } from 'fastify'
import type { ExportImages } from '../../archive/export-images.ts'
import type { ImportArchive } from '../../archive/import-archive.ts'
import { OciError } from '../../oci/errors.ts'
import { HoldfastError } from '../../ports/errors.ts'
import type { Log } from '../../ports/log.ts'
import { createListener, type ListenAddress, type Listener } from '../listener.ts'
import type { TokenFile } from '../token-file.ts'
import { withoutSchemas } from '../without-schemas.ts'
import { addExport } from './answer-export.ts'
import { addImport } from './answer-import.ts'
import { type AdminAnswers, type AdminParts, createAdminAnswers } from './answers.ts'
import { resolutionsQuery, resolveQuery, tagsQuery } from './contract.ts'
import { sendProblem } from './problem.ts'
import { QueryFault, readQuery } from './read-query.ts'
import { listenOnSocket } from './unix-socket.ts'

export interface AdminOptions {
  readonly address: ListenAddress
  /** Path of a unix socket to listen on as well. Its file mode (0660) is the permission: no token is asked there. */
  readonly socket?: string | undefined
  readonly tls?: { readonly certFile: string; readonly keyFile: string } | undefined
  readonly node: string
  readonly version: string
  /** How long a stop lets running answers go on, in ms. Default 2000. */
  readonly graceMs?: number
}

/** A connection on which nothing happens for so long is closed, ms: longer than a slow card needs to make a large blob durable. */
const silentMs = 10 * 60_000

/** An answer is given within this time, in ms: longer than any journey's deadline. */
const answerWithinMs = 60_000

/**
 * Builds the admin API as far as it goes: `GET /api/v1/{resolve,tags,resolutions,status,peers,export}`, `POST /api/v1/import`, for holders of
 * the token. Here a 401 is right: containerd never asks. Rejects with `config-invalid` when it would be open to the network without TLS.
 */
export async function createAdmin(
  parts: AdminParts & {
    readonly importArchive: ImportArchive
    readonly exportImages: ExportImages
    readonly token: TokenFile
    readonly log: Log
  },
  options: AdminOptions,
): Promise<Listener> {
  const { address, socket, tls, graceMs = 2_000 } = options
  if (tls === undefined && !isLoopback(address.host)) {
    throw new HoldfastError(
      'config-invalid',
      `admin.listen: ${address.host} can be reached from the network, and the admin token would cross it in the clear; listen on ` +
        '127.0.0.1 or set admin.tls',
    )
  }
  const app = fastify({
    logger: false,
    schemaController: withoutSchemas,
    exposeHeadRoutes: false,
    return503OnClosing: false,
    forceCloseConnections: false,
    // An archive may take as long as its link needs; who sends nothing for long is gone.
    requestTimeout: 0,
    connectionTimeout: silentMs,
    frameworkErrors: (error, _request, reply) => {
      sendProblem(reply, { status: 400, title: 'Bad Request', detail: error.message })
    },
    ...(tls === undefined
      ? {}
      : { https: { cert: await readFile(tls.certFile), key: await readFile(tls.keyFile) } }),
  }) as unknown as FastifyInstance
  // Told by the server it came to: a TCP connection that was reset has no remote address either.
  const onSocket = new WeakSet<IncomingMessage>()
  // Not imported: an import of `node:http` evaluates all its exports, some of which load node's fetch, 14 MB resident.
  const bySocket = process.getBuiltinModule('node:http').createServer((request, response) => {
    onSocket.add(request)
    app.routing(request, response)
  })
  guard(app, parts.token, request => onSocket.has(request.raw))
  tellProblems(app, parts.log)
  const answers = createAdminAnswers(parts, options)
  addRoutes(app, answers)
  addExport(app, parts.exportImages)
  addImport(app, { importArchive: parts.importArchive, asOf: answers.asOf })

  const listener = createListener(app, { address, graceMs })
  if (socket === undefined) return listener
  const socketListener = listenOnSocket(bySocket, { path: socket, graceMs })
  return {
    listen: async () => {
      await app.ready()
      await socketListener.listen()
      try {
        return await listener.listen()
      } catch (error) {
        await socketListener.close()
        throw error
      }
    },
    close: async () => {
      await socketListener.close()
      await listener.close()
    },
  }
}

function guard(
  app: FastifyInstance,
  token: TokenFile,
  isTrusted: (request: FastifyRequest) => boolean,
): void {
  app.addHook('onRequest', (request, reply, done) => {
    const given = /^Bearer +(\S+)$/i.exec(request.headers.authorization ?? '')?.[1]
    if (isTrusted(request) || (given !== undefined && token.accepts(given))) return done()
    const detail = `the token, sent as "Authorization: Bearer …", lies in ${token.path} on the node`
    reply.header('WWW-Authenticate', 'Bearer realm="holdfast"')
    sendProblem(reply, { status: 401, title: 'Unauthorized', detail })
  })
}

function tellProblems(app: FastifyInstance, log: Log): void {
  app.setNotFoundHandler((request, reply) =>
    sendProblem(reply, {
      status: 404,
      title: 'Not Found',
      detail: `there is no ${request.method} ${request.url.split('?')[0]}`,
    }),
  )
  app.setErrorHandler((error, request, reply) => {
    if (isQuestionable(error)) {
      return sendProblem(reply, { status: 400, title: 'Bad Request', detail: error.message })
    }
    log.error({ url: request.url, err: error }, 'an admin request failed for a fault of ours')
    const detail = 'an internal failure; the log of the node tells more'
    return sendProblem(reply, { status: 500, title: 'Internal Server Error', detail })
  })
}

/** The question is at fault: its query, the reference in it, or what fastify found wrong with it. */
function isQuestionable(error: unknown): error is Error {
  if (error instanceof OciError || error instanceof QueryFault) return true
  return (
    error instanceof Error &&
    'statusCode' in error &&
    typeof error.statusCode === 'number' &&
    error.statusCode < 500
  )
}

function addRoutes(app: FastifyInstance, answers: AdminAnswers): void {
  app.get('/api/v1/resolve', ({ query }) =>
    answers.resolve(readQuery(resolveQuery, query), AbortSignal.timeout(answerWithinMs)),
  )
  app.get('/api/v1/tags', async ({ query }) => answers.tags(readQuery(tagsQuery, query)))
  app.get('/api/v1/resolutions', async ({ query }) =>
    answers.resolutions(readQuery(resolutionsQuery, query)),
  )
  app.get('/api/v1/status', () => answers.status())
  app.get('/api/v1/peers', async () => answers.peers())
}

const isLoopback = (host: string): boolean =>
  host === 'localhost' || host === '::1' || host.startsWith('127.')

import { readFile } from 'node:fs/promises'
import type { IncomingMessage } from 'node:http'
import { type FastifyInstance, fastify } from 'fastify'
import type { ExportImages } from '../../archive/export-images.ts'
import type { ImportArchive } from '../../archive/import-archive.ts'
import type { Exclusions } from '../../keep/exclusions.ts'
import type { FindTags } from '../../keep/find-tags.ts'
import type { ForgetTag } from '../../keep/forget-tag.ts'
import type { FindStrays } from '../../keep/held-tags.ts'
import type { Pins } from '../../keep/pins.ts'
import type { AuditLog } from '../../ports/audit-log.ts'
import type { Clock } from '../../ports/clock.ts'
import { HoldfastError } from '../../ports/errors.ts'
import type { ExclusionBook } from '../../ports/exclusion-book.ts'
import type { Log } from '../../ports/log.ts'
import type { PinBook } from '../../ports/pin-book.ts'
import type { RefreshTag } from '../../pull/refresh-tag.ts'
import { createListener, type ListenAddress, type Listener } from '../listener.ts'
import { refuseUnreadable } from '../refuse-unreadable.ts'
import type { TokenFile } from '../token-file.ts'
import { withoutSchemas } from '../without-schemas.ts'
import { addExport } from './answer-export.ts'
import { addImport } from './answer-import.ts'

import { type AdminParts, createAdminAnswers } from './answers.ts'
import { addAllNodes } from './ask-nodes.ts'
import { createTellAudit } from './audit.ts'

import { addBackup, type BackupParts } from './backup.ts'
import { type BlockHitParts, createTellHits } from './block-hits.ts'
import { admitCallers } from './callers.ts'
import { addClusterMode, type ClusterModeParts } from './cluster-mode.ts'
import { addExclusions } from './exclusions.ts'
import { createExplainTag, type ExplainParts } from './explain-tag.ts'
import { addJobs, type JobParts } from './jobs.ts'
import { addKeeps, type KeepParts } from './keeps.ts'
import type { NodeView } from './node-view.ts'
import { addNodes, type NodeAccess } from './nodes.ts'
import { toOpenApi } from './open-api.ts'
import { createAddOperation } from './operation.ts'
import { operations } from './operations.ts'
import { addPins } from './pins.ts'
import { problemBody, problemType, sendProblem } from './problem.ts'
import { addReport, type ReportSource } from './report.ts'
import { createNote, problemOf, runOperation } from './run-operation.ts'
import { addSchedules, type ScheduleParts } from './schedules.ts'
import { addTags } from './tags.ts'
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
  /** How long a client may send nothing in the middle of an archive, in ms. Default a minute. */
  readonly stallMs?: number
}

/** A connection on which nothing happens for so long is closed, ms: longer than a slow card needs to make a large blob durable. */
const silentMs = 10 * 60_000

/** Of a request's head: some thousand tags may be asked about at once. */
const maxHeaderBytes = 256 * 1024

const tellUnreadable = refuseUnreadable(maxHeaderBytes, (detail, status) => ({
  type: problemType,
  body: problemBody({ status, detail }),
}))

/** An answer is given within this time, in ms: longer than any journey's deadline. */
const answerWithinMs = 60_000

/**
 * Builds the admin API: what `operations` says, for holders of a token. Here a 401 is right: containerd never asks. Rejects with
 * `config-invalid` when it would be open to the network without TLS.
 */
export async function createAdmin(
  parts: AdminParts &
    Omit<ExplainParts, 'answers'> &
    Omit<BlockHitParts, 'answers'> &
    KeepParts &
    ClusterModeParts &
    Omit<JobParts, 'nodes'> &
    ScheduleParts & {
      readonly importArchive: ImportArchive
      readonly exportImages: ExportImages
      /** Which the node runs from. */
      readonly ownImage: string | undefined
      readonly findTags: FindTags
      readonly refreshTag: RefreshTag
      readonly forgetTag: ForgetTag
      readonly pins: Pins
      readonly pinBook: PinBook
      readonly findStrays: FindStrays
      readonly exclusions: Exclusions
      readonly exclusionBook: Pick<ExclusionBook, 'list'>
      readonly isOperator: BackupParts['isOperator']
      readonly report: ReportSource
      readonly audit: AuditLog
      readonly node: NodeAccess
      readonly view: NodeView
      readonly token: TokenFile
      readonly clock: Pick<Clock, 'monotonicMs'>
      readonly log: Log
    },
  options: AdminOptions,
): Promise<Listener> {
  const { address, socket, tls, graceMs = 2_000, stallMs = 60_000 } = options
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
    routerOptions: { maxParamLength: maxHeaderBytes },
    frameworkErrors: (error, _request, reply) => {
      sendProblem(reply, { status: 400, detail: error.message })
    },
    clientErrorHandler: tellUnreadable,
    ...(tls === undefined
      ? { http: { maxHeaderSize: maxHeaderBytes } }
      : {
          https: {
            maxHeaderSize: maxHeaderBytes,
            cert: await readFile(tls.certFile),
            key: await readFile(tls.keyFile),
          },
        }),
  }) as unknown as FastifyInstance
  // Told by the server it came to: a TCP connection that was reset has no remote address either.
  const onSocket = new WeakSet<IncomingMessage>()
  // Not imported: an import of `node:http` evaluates all its exports, some of which load node's fetch, 14 MB resident.
  const bySocket = process
    .getBuiltinModule('node:http')
    .createServer({ maxHeaderSize: maxHeaderBytes }, (request, response) => {
      onSocket.add(request)
      app.routing(request, response)
    })
    .on('clientError', tellUnreadable)
  app.removeContentTypeParser('text/plain') // no operation takes it: a 415 says so
  const callers = admitCallers(app, {
    token: parts.token,
    clock: parts.clock,
    isTrusted: request => onSocket.has(request),
    openPath: openApiPath,
  })
  tellProblems(app, parts.log)
  const answers = createAdminAnswers(parts, options)
  const { asOf } = answers
  const note = createNote(parts)
  const add = createAddOperation(app, runOperation({ callers, note, self: options.node }))
  add(operations.resolve, ({ query }) =>
    answers.resolve(query, AbortSignal.timeout(answerWithinMs)),
  )
  add(operations.resolutions, ({ query }) => answers.resolutions(query))
  add(operations.status, parts.view.status)
  add(operations.peers, parts.view.peers)
  const tellAudit = createTellAudit({ audit: parts.audit, ...answers })
  add(operations.audit, ({ query }) => tellAudit(query))
  addTags(add, { ...parts, asOf, explainTag: createExplainTag({ ...parts, answers }) })
  addPins(add, { ...parts, book: parts.pinBook, ...answers })
  addKeeps(add, { ...parts, ...answers })
  addClusterMode(add, { ...parts, ...answers })
  addExclusions(add, {
    ...parts,
    book: parts.exclusionBook,
    ...answers,
    tellHits: createTellHits({ ...parts, answers }),
  })
  addJobs(add, { ...parts, nodes: parts.node.nodes, asOf })
  addSchedules(add, { ...parts, nodes: parts.node.nodes, asOf })
  addBackup(add, {
    ...parts,
    nodes: parts.node.nodes,
    nowMs: parts.ledger.trustedNowMs,
    asOf,
    note,
  })
  addReport(add, { report: parts.report, nodes: parts.node.nodes, asOf })
  addNodes(add, parts.node, {
    asOf,
    monotonicMs: parts.clock.monotonicMs,
    version: options.version,
  })
  addAllNodes(add, { node: parts.node, asOf })
  addExport(add, parts.exportImages, parts.ownImage)
  addImport(app, add, { importArchive: parts.importArchive, stallMs, asOf })
  app.get(openApiPath, async () => toOpenApi(Object.values(operations)))

  const listener = createListener(app, { address, graceMs })
  if (socket === undefined) return listener
  const socketListener = listenOnSocket(bySocket, { path: socket, graceMs, silentMs })
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

function tellProblems(app: FastifyInstance, log: Log): void {
  app.setNotFoundHandler((request, reply) =>
    sendProblem(reply, {
      status: 404,
      detail: `there is no ${request.method} ${request.url.split('?')[0]}`,
    }),
  )
  app.setErrorHandler((error, request, reply) => {
    const problem = problemOf(error)
    if (problem !== undefined) return sendProblem(reply, problem)
    log.error({ url: request.url, err: error }, 'an admin request failed for a fault of ours')
    const detail = 'an internal failure; the log of the node tells more'
    return sendProblem(reply, { status: 500, detail })
  })
}

const openApiPath = '/api/v1/openapi.json'

const isLoopback = (host: string): boolean =>
  host === 'localhost' || host === '::1' || host.startsWith('127.')

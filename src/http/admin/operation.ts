import type { FastifyInstance, FastifyReply, FastifyRequest, RouteOptions } from 'fastify'
import { type Static, type TObject, type TSchema, Type } from 'typebox'
import type { TokenRole } from '../token-lines.ts'
import { parseLargeJson } from './parse-large-json.ts'
import { ProblemError } from './problem.ts'

/** Bytes of a media type, in the place of a schema. */
export interface Bytes {
  readonly bytes: string
}

/** An operation of the API as data: its route, its checks and its entry in the API's document are made from this. */
export interface Operation<
  Q extends TObject = TObject,
  B extends TSchema | Bytes | undefined = TSchema | Bytes | undefined,
  A extends TSchema | Bytes = TSchema | Bytes,
> {
  /** Names it in the document and in the audit log. */
  readonly id: string
  readonly method: 'GET' | 'PUT' | 'POST' | 'DELETE'
  /** A part in braces is a parameter: `/api/v1/pins/{reference}`. */
  readonly path: string
  readonly summary: string
  readonly role: TokenRole
  readonly query: Q
  readonly body: B
  /** What a JSON body may have, in bytes; absent: 1 MiB. */
  readonly maxBodyBytes?: number
  readonly answer: A
  /** Statuses of its own problems, beside those that every operation may have. */
  readonly problems: readonly number[]
}

/** No parameters. */
export const noQuery = Type.Object({})

/** What only asks, and finds whatever it asks for. */
export const read = { method: 'GET', role: 'read', body: undefined, problems: [] } as const

/** Keeps the exact types of what is written down. */
export const operation = <
  Q extends TObject,
  B extends TSchema | Bytes | undefined,
  A extends TSchema | Bytes,
>(
  given: Operation<Q, B, A>,
): Operation<Q, B, A> => given

/** What a request brings. */
export type BodyOf<B> = B extends TSchema ? Static<B> : unknown
/** What is answered; bytes are sent by the handler itself. */
export type AnswerOf<A> = A extends TSchema ? Static<A> : never

/** One request, read and checked. */
export interface Asked<O extends Operation = Operation> {
  readonly query: Static<O['query']>
  /** Parameters of the path, decoded. */
  readonly path: Readonly<Record<string, string>>
  readonly body: BodyOf<O['body']>
  /** Name of who asks. */
  readonly caller: string
  readonly request: FastifyRequest
  readonly reply: FastifyReply
  /** Whether who asks would be let in now, too: looked at by what goes on being answered. */
  readonly isLetIn: () => boolean
  /** What an operation that changes something did, for the audit log; the last call counts. */
  audit(what: {
    readonly subject: string
    readonly before?: unknown
    readonly after?: unknown
  }): void
}

/** Gives the answer, or sends one by itself and returns the reply. Throws `ProblemError`, `QueryFault`, `OciError`. */
export type Handler<O extends Operation> = (
  asked: Asked<O>,
) => Promise<AnswerOf<O['answer']> | FastifyReply> | AnswerOf<O['answer']>

/** Adds an operation to an app. */
export type AddOperation = <O extends Operation>(operation: O, handler: Handler<O>) => void

/** The route of a path with parameters, as fastify writes it. */
const routeOf = (path: string): string => path.replaceAll(/\{(\w+)\}/g, ':$1')

/** Knows who may do what, how a request is read, and how a problem is told. */
export interface RunOperation {
  /** Reads a request and has it answered. What changes something is noted. */
  run(
    operation: Operation,
    handler: Handler<Operation>,
    request: FastifyRequest,
    reply: FastifyReply,
  ): Promise<unknown>
  /** Resolves when who asks may do that. Rejects with `ProblemError`, which is noted. */
  admit(operation: Operation, request: FastifyRequest): Promise<void>
}

/** Adds operations to this app. */
export function createAddOperation(
  app: FastifyInstance,
  { run, admit }: RunOperation,
): AddOperation {
  return (operation, handler) => {
    const { method, path, maxBodyBytes: bodyLimit } = operation
    const route: RouteOptions = {
      ...{ method, url: routeOf(path), ...(bodyLimit !== undefined && { bodyLimit }) },
      handler: (request, reply) =>
        run(operation, handler as unknown as Handler<Operation>, request, reply),
    }
    if (bodyLimit !== undefined) takeLarge(app, route, request => admit(operation, request))
    else if (operation.body === undefined && method !== 'GET') takeNone(app, route)
    else app.route(route)
  }
}

/** Adds a route that needs no body: many clients send the type of one with every request. */
function takeNone(app: FastifyInstance, route: RouteOptions): void {
  app.register(async inner => {
    const parse = inner.getDefaultJsonParser('error', 'error')
    inner.addContentTypeParser<string>(
      'application/json',
      { parseAs: 'string' },
      (request, body, done) => (body === '' ? done(null) : parse(request, body, done)),
    )
    inner.route(route)
  })
}

/**
 * Adds a route of its own way to read JSON: of a body of many MB, the usual one keeps all others waiting. Nothing is read of who may not do it,
 * nor while another body is in memory.
 */
function takeLarge(
  app: FastifyInstance,
  route: RouteOptions,
  admit: (request: FastifyRequest) => Promise<void>,
): void {
  let isTaken = false
  app.register(async inner => {
    inner.addContentTypeParser<Buffer>(
      'application/json',
      { parseAs: 'buffer' },
      (_request: FastifyRequest, body: Buffer) => parseLargeJson(body),
    )
    inner.route({
      ...route,
      async onRequest(request, reply) {
        await admit(request)
        if (isTaken) throw new ProblemError(409, 'this node is at work on another one: wait for it')
        isTaken = true
        reply.raw.once('close', () => {
          isTaken = false
        })
      },
    })
  })
}

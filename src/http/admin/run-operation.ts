import { Readable } from 'node:stream'
import type { FastifyError, FastifyRequest } from 'fastify'
import { IsObject, type TSchema } from 'typebox'
import { Refusal } from '../../keep/operator-word.ts'
import { OciError } from '../../oci/errors.ts'
import type { AuditEntry, AuditLog } from '../../ports/audit-log.ts'
import { HoldfastError } from '../../ports/errors.ts'
import type { Log } from '../../ports/log.ts'
import type { TagLedger } from '../../ports/tag-ledger.ts'
import type { Callers } from './callers.ts'
import type { Bytes, Operation, RunOperation } from './operation.ts'
import { type Problem, ProblemError } from './problem.ts'
import { QueryFault, readBody, readLargeBody, readQuery } from './read-query.ts'

/** Writes into the audit log; never rejects. */
export type NoteEntry = (entry: Omit<AuditEntry, 'atMs'>) => Promise<void>

/** What was changed: of it the last word counts. */
type Did = { readonly subject?: string; readonly before?: unknown; readonly after?: unknown }

/** Notes at trusted time; what cannot be noted is told in the log, for it was done. */
export function createNote(parts: {
  readonly audit: Pick<AuditLog, 'note'>
  readonly ledger: Pick<TagLedger, 'trustedNowMs'>
  readonly log: Log
}): NoteEntry {
  return async about => {
    const entry = { atMs: parts.ledger.trustedNowMs(), ...about }
    try {
      await parts.audit.note(entry)
    } catch (err) {
      parts.log.warn({ err, ...entry }, 'what an operator did was not noted in the audit log')
    }
  }
}

/** Of what was to be changed, in characters: who may change nothing could fill the disk with names of things that are not. */
const maxSubject = 1_200

/** Does what changes something, and has it noted before its answer goes out, also when it failed. */
export async function noted<T>(
  note: NoteEntry,
  about: Pick<AuditEntry, 'caller' | 'operation' | 'subject'>,
  work: (audit: (did: Did) => void) => Promise<T>,
): Promise<T> {
  let did: Did = {}
  let status = 500
  try {
    const answer = await work(what => {
      did = what
    })
    status = 200
    return answer
  } catch (error) {
    status = problemOf(error)?.status ?? 500
    throw error
  } finally {
    const { before, after } = did
    const subject = (did.subject ?? about.subject).slice(0, maxSubject)
    await note({ ...about, subject, status, before, after })
  }
}

/** Reads a request and has it answered. What changes something is noted. */
export function runOperation(parts: {
  readonly callers: Callers
  readonly note: NoteEntry
  /** Name of this node. */
  readonly self: string
}): RunOperation {
  const refusalOf = (operation: Operation, request: FastifyRequest): ProblemError | undefined => {
    const { name, role } = parts.callers.of(request)
    if (operation.role === 'read' || role === 'write') return undefined
    return new ProblemError(403, `the token of ${name} may read and change nothing`)
  }

  /** Notes it where it changes something. */
  function inBook<T>(
    operation: Operation,
    request: FastifyRequest,
    work: (audit: (did: Did) => void) => Promise<T>,
  ): Promise<T> {
    if (operation.role !== 'write') return work(() => {})
    const path = request.params as Readonly<Record<string, string>>
    const [given = operation.id] = Object.values(path)
    // Who may do nothing is not heard out, and what he meant by it is this node.
    const subject = path['name'] === 'self' && isOfNode(operation) ? parts.self : given
    const caller = parts.callers.of(request).name
    return noted(parts.note, { caller, operation: operation.id, subject }, work)
  }

  return {
    async admit(operation, request) {
      const refusal = refusalOf(operation, request)
      if (refusal !== undefined) await inBook(operation, request, () => Promise.reject(refusal))
    },
    run: (operation, handler, request, reply) =>
      inBook(operation, request, async audit => {
        const refusal = refusalOf(operation, request)
        if (refusal !== undefined) throw refusal
        const path = request.params as Readonly<Record<string, string>>
        const query = readQuery(operation.query, request.query)
        const body = await readBodyOf(operation, request.body)
        const caller = parts.callers.of(request).name
        const isLetIn = (): boolean => parts.callers.isLetIn(request)
        return handler({ query, path, body, caller, request, reply, isLetIn, audit })
      }),
  }
}

const isOfNode = ({ path }: Operation): boolean => path.startsWith('/api/v1/nodes/')

/** The body of a request as the operation has it; bytes as they come. Throws `QueryFault`, and `ProblemError` where bytes are none. */
export async function readBodyOf(
  { body, maxBodyBytes }: Operation,
  given: unknown,
): Promise<unknown> {
  if (body === undefined) return given
  if (!isBytes(body)) {
    const isLarge = maxBodyBytes !== undefined && IsObject(body)
    return isLarge ? readLargeBody(body, given) : readBody(body, given)
  }
  if (given == null || given instanceof Readable) return given
  throw new ProblemError(415, `send the body with "Content-Type: ${body.bytes}"`)
}

const isBytes = (body: TSchema | Bytes): body is Bytes => 'bytes' in body

/** What an error means for who asked; `undefined`: a fault of ours. */
export function problemOf(error: unknown): Problem | undefined {
  if (error instanceof ProblemError) return error
  if (error instanceof OciError || error instanceof QueryFault) {
    return { status: 400, detail: error.message }
  }
  if (error instanceof Refusal) return { status: statuses[error.code], detail: error.message }
  if (error instanceof HoldfastError && error.code === 'ledger-unusable') {
    return { status: 503, detail: `it was not written: ${error.message}` }
  }
  return error instanceof Error ? faultOfTheirs(error) : undefined
}

/** Of a request that fastify does not take. */
function faultOfTheirs(error: Error): Problem | undefined {
  const { statusCode: status, code } = error as Partial<FastifyError>
  if (status === undefined || status < 400 || status >= 500) return undefined
  return { status, detail: ofBodies[code ?? ''] ?? error.message }
}

/** What fastify finds wrong with a body, in words that say what to do. */
const ofBodies: Readonly<Record<string, string>> = {
  FST_ERR_CTP_INVALID_MEDIA_TYPE: 'send a body as JSON, with "Content-Type: application/json"',
  FST_ERR_CTP_INVALID_JSON_BODY: 'the body is no JSON',
  FST_ERR_CTP_EMPTY_JSON_BODY: 'the body is empty: send JSON, or leave Content-Type out',
}

const statuses = {
  'no-operator': 409,
  changed: 412,
  nothing: 409,
  past: 400,
  blocked: 409,
  'not-held': 409,
  elsewhere: 409,
  unknown: 409,
  self: 409,
  'no-pattern': 400,
  'too-many': 409,
  'too-long': 413,
  taken: 409,
  'no-id': 400,
  'no-times': 400,
} as const satisfies Record<Refusal['code'], number>

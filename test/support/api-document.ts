import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import Schema from 'typebox/schema'

/** An operation as `docs/openapi.json` tells it. */
export interface DocumentedOperation {
  readonly id: string
  readonly method: string
  /** With its parameters in braces. */
  readonly path: string
  /** Whether a token that may read is refused. */
  readonly needsWrite: boolean
  /** Whether it has a body that is JSON. */
  readonly takesJson: boolean
  /** Statuses that it may end with. */
  readonly statuses: readonly number[]
}

/** An answer that was given. */
export interface Given {
  readonly status: number
  readonly type: string | undefined
  /** Parsed where it is JSON. */
  readonly body: unknown
}

/** What clients are told of the admin API, as the thing that answers are held to. */
export interface ApiDocument {
  readonly operations: readonly DocumentedOperation[]
  /** The operation that a request is for. */
  find(method: string, url: string): DocumentedOperation | undefined
  /** In what an answer differs from the document, be it by a property that it does not have; none: it is as promised. */
  faultsOf(operation: DocumentedOperation, given: Given): readonly string[]
}

type Json = Readonly<Record<string, unknown>>
interface WrittenOperation {
  readonly operationId: string
  readonly requestBody?: { readonly content: Json }
  readonly responses: Readonly<Record<string, { readonly content: Readonly<Record<string, Json>> }>>
}

/** Reads `docs/openapi.json`. */
export function readApiDocument(): ApiDocument {
  const path = join(import.meta.dirname, '../../docs/openapi.json')
  const document = JSON.parse(readFileSync(path, 'utf8')) as {
    readonly paths: Readonly<Record<string, Readonly<Record<string, WrittenOperation>>>>
    readonly components: Json
  }
  const components = closed(document.components) as Json
  const written = new Map<DocumentedOperation, WrittenOperation>()
  for (const [route, methods] of Object.entries(document.paths)) {
    for (const [method, operation] of Object.entries(methods)) {
      written.set(describe(route, method, operation), operation)
    }
  }
  const operations = [...written.keys()]
  return {
    operations,
    find: (method, url) =>
      operations.find(one => one.method === method && patternOf(one.path).test(url)),
    faultsOf(operation, { status, type, body }) {
      const content = written.get(operation)?.responses[status]?.content
      if (content === undefined) return [`${status} is no status of ${operation.id}`]
      const mediaType = type?.split(';')[0] ?? ''
      const answer = content[mediaType]
      if (answer === undefined) return [`${mediaType} is no type of ${status} of ${operation.id}`]
      if (!mediaType.endsWith('json')) return []
      const schema = { components, ...(closed(answer['schema']) as Json) }
      const [isRight, errors] = Schema.Errors(schema, body)
      return isRight ? [] : errors.map(error => `${error.instancePath}: ${JSON.stringify(error)}`)
    },
  }
}

function describe(path: string, method: string, operation: WrittenOperation): DocumentedOperation {
  const { operationId, requestBody, responses } = operation
  const statuses = Object.keys(responses).map(Number)
  return {
    id: operationId,
    method: method.toUpperCase(),
    path,
    needsWrite: statuses.includes(403),
    takesJson: requestBody !== undefined && 'application/json' in requestBody.content,
    statuses,
  }
}

const patternOf = (path: string): RegExp =>
  new RegExp(`^${path.replaceAll('.', '\\.').replaceAll(/\{\w+\}/g, '[^/]+')}(?:\\?|$)`)

/** Its objects may have no property that it does not tell of. */
function closed(schema: unknown): unknown {
  if (Array.isArray(schema)) return schema.map(closed)
  if (typeof schema !== 'object' || schema === null) return schema
  const inner = Object.fromEntries(Object.entries(schema).map(([key, one]) => [key, closed(one)]))
  const isOpen = inner['type'] === 'object' && typeof inner['properties'] === 'object'
  return isOpen ? { additionalProperties: false, ...inner } : inner
}

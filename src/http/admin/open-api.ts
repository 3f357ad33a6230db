import { IsOptional, type TSchema } from 'typebox'
import { Value } from 'typebox/value'
import type { Bytes, Operation } from './operation.ts'
import { problemTitles } from './problem.ts'
import { problem } from './shapes.ts'

/** Problems that every operation may end with. */
const usualProblems = [400, 401, 429, 431, 500]

/** What a body may meet: too long, or of another type. A `DELETE` may have one as well, which is read and not looked at. */
const bodyProblems = [413, 415]

/** The document of the API. Source: https://spec.openapis.org/oas/v3.1.1 */
export function toOpenApi(operations: readonly Operation[]): object {
  const paths: Record<string, Record<string, object>> = {}
  for (const operation of operations) {
    const { path, method } = operation
    paths[path] = { ...paths[path], [method.toLowerCase()]: describe(operation) }
  }
  return {
    openapi: '3.1.0',
    info: {
      title: 'Holdfast admin API',
      description:
        'For the operator of a node. Times are ISO 8601 in UTC, sizes bytes; what is unknown is left out. Every answer names the node that ' +
        'gives it and the time it is of. An error is a problem as RFC 9457 has it.',
      version: '1',
      license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
    },
    servers: [{ url: 'http://127.0.0.1:5051' }],
    security: [{ token: [] }],
    paths,
    components: {
      securitySchemes: { token: { type: 'http', scheme: 'bearer' } },
      schemas: { Problem: problem },
    },
  }
}

function describe(operation: Operation): object {
  const { id, method, summary, role, body, answer, problems } = operation
  const statuses = [
    ...usualProblems,
    ...problems,
    ...(role === 'write' ? [403] : []),
    ...(method === 'GET' ? [] : bodyProblems),
  ]
  return {
    operationId: id,
    summary,
    description: role === 'write' ? 'Needs a token that may write.' : 'Any token will do.',
    parameters: [...pathParameters(operation), ...queryParameters(operation)],
    ...(body !== undefined && {
      requestBody: { required: !isEmptyEnough(body), content: content(body) },
    }),
    responses: {
      200: { description: 'Done.', content: content(answer) },
      ...Object.fromEntries(
        [...new Set(statuses)].sort((a, b) => a - b).map(status => [status, problemAnswer(status)]),
      ),
    },
  }
}

/** Whether it may be left out: everything in it has a default. */
const isEmptyEnough = (body: TSchema | Bytes): boolean =>
  !('bytes' in body) && Value.Check(body, Value.Default(body, {}))

const problemAnswer = (status: number): object => ({
  description: problemTitles[status] ?? 'Error',
  content: { 'application/problem+json': { schema: { $ref: '#/components/schemas/Problem' } } },
})

const content = (type: TSchema | Bytes): object =>
  'bytes' in type && typeof type.bytes === 'string'
    ? { [type.bytes]: { schema: {} } }
    : { 'application/json': { schema: type } }

function pathParameters({ path }: Operation): object[] {
  return [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => ({
    name,
    in: 'path',
    required: true,
    schema: { type: 'string' },
  }))
}

function queryParameters({ query }: Operation): object[] {
  return Object.entries(query.properties).map(([name, schema]) => ({
    name,
    in: 'query',
    required: !IsOptional(schema) && !('default' in schema) && !('items' in schema),
    schema,
  }))
}

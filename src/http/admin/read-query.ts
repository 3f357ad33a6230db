import type { Static, TSchema } from 'typebox'
import { Value } from 'typebox/value'

/** A query that does not fit; the message names each parameter at fault. */
export class QueryFault extends Error {
  override readonly name = 'QueryFault'
}

/**
 * Reads a query by its schema: texts become numbers and booleans, what is missing gets its default. Throws {@link QueryFault}. The
 * configuration is read by the same library; the validator that fastify brings would be a second one, and 9 MB resident.
 */
export function readQuery<S extends TSchema>(schema: S, query: unknown): Static<S> {
  const value = Value.Convert(schema, Value.Default(schema, { ...(query as object) }))
  if (Value.Check(schema, value)) return value
  const faults = Value.Errors(schema, value).map(
    ({ instancePath, message }) => `${instancePath.slice(1) || 'the query'} ${message}`,
  )
  throw new QueryFault(faults.join('; '))
}

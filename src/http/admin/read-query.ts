import { IsArray, type Static, type TObject, type TSchema } from 'typebox'
import { Value } from 'typebox/value'
import { tellFaults, tellUnknown } from './tell-faults.ts'

/** A question that does not fit; the message names each part at fault. */
export class QueryFault extends Error {
  override readonly name = 'QueryFault'
}

/**
 * Reads a query by its schema: texts become numbers and booleans, what is missing gets its default, and a parameter that may repeat is a
 * list however often it came. Throws {@link QueryFault}, also of a parameter that is unknown: a misspelt filter would be none, and the answer a
 * wrong one. The configuration is read by the same library; the validator that fastify brings
 * would be a second one, and 9 MB resident.
 */
export function readQuery<S extends TObject>(schema: S, query: unknown): Static<S> {
  const given: Record<string, unknown> = { ...(query as object) }
  const unknown = Object.keys(given).filter(name => !Object.hasOwn(schema.properties, name))
  if (unknown.length > 0) throw new QueryFault(tellUnknown(unknown, schema, 'the query'))
  for (const [name, type] of Object.entries(schema.properties)) {
    if (IsArray(type)) given[name] = [given[name] ?? []].flat()
  }
  return check(schema, Value.Convert(schema, Value.Default(schema, given)), 'the query')
}

/** Reads a JSON body by its schema; nothing is converted. Throws {@link QueryFault}. */
export function readBody<S extends TSchema>(schema: S, body: unknown): Static<S> {
  return check(schema, Value.Default(schema, body ?? {}), 'the body')
}

function check<S extends TSchema>(schema: S, value: unknown, whole: string): Static<S> {
  if (Value.Check(schema, value)) return value
  throw new QueryFault(tellFaults(schema, value, whole))
}

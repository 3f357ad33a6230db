import { IsArray, type Static, type TObject, type TSchema } from 'typebox'
import { Value } from 'typebox/value'
import { createTurns } from '../../ports/turns.ts'
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

/** Reads a JSON body by its schema; nothing is converted. Throws {@link QueryFault}, also of half a character: no other node could be told it. */
export function readBody<S extends TSchema>(schema: S, body: unknown): Static<S> {
  const read = check(schema, Value.Default(schema, body ?? {}), 'the body')
  mustBeText(read, 'the body')
  return read
}

/** Only as an escape can half a surrogate pair come in JSON; as UTF-8, which goes to other nodes, it would be another character. */
function mustBeText(value: unknown, whole: string, place = ''): void {
  if (typeof value === 'string' && !value.isWellFormed()) {
    throw new QueryFault(`${place || whole} has half of a character (a lone surrogate)`)
  }
  if (typeof value !== 'object' || value === null) return
  for (const [name, part] of Object.entries(value)) {
    const at = Array.isArray(value) ? `[${name}]` : `${place && '.'}${name}`
    mustBeText(part, whole, place + at)
  }
}

/**
 * As {@link readBody}, for one that may be large: the entries of its lists are read one by one, and others of this thread have their turn in
 * between. The lists themselves may have no bounds.
 */
export async function readLargeBody<S extends TObject>(
  schema: S,
  body: unknown,
): Promise<Static<S>> {
  if (!isRecord(body)) return readBody(schema, body)
  const turns = createTurns()
  const lists = Object.entries(schema.properties).flatMap(([name, type]) => {
    const entries = body[name]
    return IsArray(type) && Array.isArray(entries) ? [{ name, type: type.items, entries }] : []
  })
  const emptied = Object.fromEntries(lists.map(({ name }) => [name, []]))
  const read = readBody(schema, { ...body, ...emptied }) as Record<string, unknown[]>
  for (const { name, type, entries } of lists) {
    for (const [index, entry] of entries.entries()) {
      const place = `${name}[${index}]`
      const known = check(type, Value.Default(type, entry), place, `${place}.`)
      mustBeText(known, place, place)
      read[name]?.push(known)
      await turns.take()
    }
  }
  return read as Static<S>
}

const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

function check<S extends TSchema>(
  schema: S,
  value: unknown,
  whole: string,
  within?: string,
): Static<S> {
  if (Value.Check(schema, value)) return value
  throw new QueryFault(tellFaults(schema, value, whole, within))
}

/** The first moment that a time of four digits of the year does not reach, ms. */
const endOfYearsMs = Date.UTC(10_000, 0)

/** A time of a body or query, ms since the epoch. Throws {@link QueryFault} for a leap second, and for what falls into a year of five digits. */
export function readTime(text: string | undefined): number | undefined {
  if (text === undefined) return undefined
  const ms = Date.parse(text)
  if (ms < endOfYearsMs) return ms
  throw new QueryFault(`${text}: no time up to the year 9999 with seconds up to 59`)
}

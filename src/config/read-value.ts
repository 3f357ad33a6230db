import { Value } from 'typebox/value'
import { type Report, show } from './faults.ts'
import { kinds } from './kinds.ts'
import { nearest } from './nearest.ts'
import { entrySchema, isMapping, type Path, type SchemaNode } from './schema-node.ts'

interface Place {
  readonly path: Path
  readonly isSecret: boolean
  readonly report: Report
}

/**
 * Reads what was written into what the program uses: defaults filled in, sizes and durations as numbers. Every fault is reported
 * and reading goes on, so that one run tells them all; the result is good only when nothing was reported.
 */
export function readValue(schema: SchemaNode, written: unknown, report: Report): unknown {
  return read(schema, written, { path: [], isSecret: false, report })
}

function read(schema: SchemaNode, written: unknown, above: Place): unknown {
  const place = { ...above, isSecret: above.isSecret || schema['x-secret'] === true }
  // A key without a value (`socket:`) is a key that is not there.
  const value = written ?? schema.default
  if (value === undefined) return undefined
  if (schema.properties !== undefined) return readGroup(schema, value, place)
  const entry = entrySchema(schema)
  if (entry !== undefined) return readMap(entry, value, place)
  if (schema.items !== undefined) return readList(schema, schema.items, value, place)
  return readScalar(schema, value, place)
}

const within = (place: Place, part: string | number): Place => ({
  ...place,
  path: [...place.path, part],
})

function readGroup(schema: SchemaNode, value: unknown, place: Place): unknown {
  const properties = schema.properties ?? {}
  const names = Object.keys(properties)
  const shorthand = schema['x-shorthand']
  const mapping =
    shorthand !== undefined && typeof value === 'string' ? { [shorthand]: value } : value
  if (!isMapping(mapping)) {
    fault(place, value, `must be a mapping`, `its keys are ${names.join(', ')}`)
    return undefined
  }
  for (const name of Object.keys(mapping)) {
    if (!Object.hasOwn(properties, name)) reportUnknown(name, names, place)
  }
  const entries = names.map(name => {
    const child = properties[name] ?? {}
    const written = isLeftEmpty(child, mapping[name]) ? undefined : mapping[name]
    const result = read(child, written, within(place, name))
    if ((written ?? result) === undefined && schema.required?.includes(name)) {
      place.report({ path: within(place, name).path, problem: 'is missing' })
    }
    return [name, result] as const
  })
  return Object.fromEntries(entries.filter(([, result]) => result !== undefined))
}

/** An optional group whose keys are written without values (`tls: { certFile, keyFile }`) is not there either. */
const isLeftEmpty = (schema: SchemaNode, value: unknown): boolean =>
  schema.properties !== undefined &&
  schema.default === undefined &&
  isMapping(value) &&
  Object.entries(value).every(
    ([name, item]) => item === null && Object.hasOwn(schema.properties ?? {}, name),
  )

function reportUnknown(name: string, names: readonly string[], place: Place): void {
  const near = nearest(name, names)
  const cure =
    near === undefined ? `the keys here are ${names.join(', ')}` : `did you mean ${near}?`
  place.report({
    path: within(place, name).path,
    problem: 'is no key of the configuration',
    cure,
    aboutKey: true,
  })
}

function readMap(entry: SchemaNode, value: unknown, place: Place): unknown {
  if (!isMapping(value))
    return fault(place, value, 'must be a mapping from names to their settings')
  return Object.fromEntries(
    Object.entries(value).map(([name, item]) => [name, read(entry, item, within(place, name))]),
  )
}

function readList(schema: SchemaNode, items: SchemaNode, value: unknown, place: Place): unknown {
  if (!Array.isArray(value)) return fault(place, value, 'must be a list', 'write [one, two]')
  if (value.length < (schema.minItems ?? 0)) return fault(place, value, 'must not be empty')
  return value.map((item: unknown, index) => {
    const at = within(place, index)
    return item === null ? fault(at, item, 'is empty') : read(items, item, at)
  })
}

function readScalar(schema: SchemaNode, value: unknown, place: Place): unknown {
  const kind = schema['x-kind']
  const isWritten = typeof value === 'string' || typeof value === 'number'
  if (kind === undefined || !isWritten) {
    return Value.Check(schema, value) ? value : fault(place, value, ...expectation(schema, value))
  }
  const result = kinds[kind].read(value)
  if (!('value' in result)) return fault(place, value, result.problem, result.cure)
  return isOfType(schema, value) ? result.value : fault(place, value, ...expectation(schema, value))
}

const isOfType = (schema: SchemaNode, value: string | number): boolean =>
  Value.Check({ type: schema.type }, value)

function fault(
  place: Place,
  value: unknown,
  problem: string,
  cure?: string | undefined,
): undefined {
  place.report({ path: place.path, problem, cure, shown: show(value, place.isSecret) })
  return undefined
}

type Expectation = readonly [problem: string, cure: string | undefined]

function expectation(schema: SchemaNode, value: unknown): Expectation {
  if (schema.enum !== undefined) {
    const near = nearest(String(value), schema.enum.map(String))
    return [`must be ${eitherOf(schema.enum)}`, near && `did you mean ${near}?`]
  }
  if (schema.type === 'integer') return [`must be a whole number ${range(schema)}`, unitCure(value)]
  if (schema.type === 'boolean') return ['must be true or false', undefined]
  return value === '' ? ['must not be empty', undefined] : ['must be text', 'put it in quotes']
}

const eitherOf = (choices: readonly unknown[]): string =>
  choices.join(', ').replace(/, (?=[^,]*$)/, ' or ')

const range = ({ minimum = 0, maximum }: SchemaNode): string =>
  maximum === undefined ? `from ${minimum}` : `from ${minimum} to ${maximum}`

const unitCure = (value: unknown): string | undefined =>
  typeof value === 'string' && /^[0-9.]+ ?[a-z%]+$/i.test(value)
    ? 'write the number alone: the name of the key tells its unit'
    : undefined

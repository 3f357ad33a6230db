import { entrySchema, isMapping, type SchemaNode } from './schema-node.ts'

/**
 * The configuration's JSON Schema as editors and Helm read it: our own annotations left out, a shorthand as what it may be too, and
 * every key also without a value, which means its default.
 */
export function toJsonSchema(root: SchemaNode): object {
  return {
    $schema: 'http://json-schema.org/draft-07/schema#',
    title: 'Holdfast configuration',
    ...translate(root),
  }
}

function translate(node: SchemaNode): Record<string, unknown> {
  const entries = Object.entries(withNames(node)).flatMap(([name, value]) =>
    translateEntry(name, value),
  )
  const translated = Object.fromEntries(entries)
  return node['x-shorthand'] === undefined
    ? translated
    : { anyOf: [{ type: 'string' }, translated], description: node.description }
}

/** A map whose keys have to look like something refuses others. */
function withNames(node: SchemaNode): object {
  const [names, entry] = [node['x-names'], entrySchema(node)]
  if (names === undefined || entry === undefined) return node
  return { ...node, patternProperties: { [names]: entry }, additionalProperties: false }
}

function translateEntry(name: string, value: unknown): [string, unknown][] {
  // A mapping's own defaults are those of its keys.
  if (name.startsWith('x-') || (name === 'default' && isEmptyMapping(value))) return []
  switch (name) {
    case 'required':
      return []
    case 'properties':
    case 'patternProperties':
      return [[name, mapValues(value, child => orEmpty(translate(child)))]]
    case 'items':
      return isMapping(value) ? [[name, translate(value)]] : []
    default:
      return [[name, value]]
  }
}

const isEmptyMapping = (value: unknown): boolean =>
  isMapping(value) && Object.keys(value).length === 0

function mapValues(value: unknown, change: (child: SchemaNode) => unknown): object {
  const entries = isMapping(value) ? Object.entries(value) : []
  return Object.fromEntries(entries.map(([name, child]) => [name, change(child as SchemaNode)]))
}

function orEmpty(schema: Record<string, unknown>): Record<string, unknown> {
  const { type, enum: values, anyOf } = schema
  if (Array.isArray(anyOf)) return { ...schema, anyOf: [...anyOf, { type: 'null' }] }
  if (Array.isArray(values)) return { ...schema, enum: [...values, null] }
  return type === undefined ? schema : { ...schema, type: [type, 'null'].flat() }
}

import { join } from 'node:path'
import { entrySchema, isMapping, type Path, type SchemaNode } from './schema-node.ts'

/** A path to a file or directory that the configuration names. */
export interface NamedPath {
  readonly path: Path
  readonly value: string
  /** It must name a readable file. */
  readonly isRequired: boolean
}

const dataDirMark = '<dataDir>'

/** Every path among values that were read by `schema`. */
export function listPaths(
  schema: SchemaNode,
  value: unknown,
  path: Path = [],
): readonly NamedPath[] {
  if (schema['x-kind'] === 'path' && typeof value === 'string') {
    return [{ path, value, isRequired: schema['x-file'] === true }]
  }
  return childrenOf(schema, value).flatMap(([name, child, item]) =>
    listPaths(child, item, [...path, name]),
  )
}

/** The same values with `<dataDir>` at the beginning of a path replaced. */
export function expandPaths(schema: SchemaNode, value: unknown, dataDir: string): unknown {
  if (schema['x-kind'] === 'path' && typeof value === 'string') {
    return value.startsWith(dataDirMark) ? join(dataDir, value.slice(dataDirMark.length)) : value
  }
  const children = childrenOf(schema, value).map(
    ([name, child, item]) => [name, expandPaths(child, item, dataDir)] as const,
  )
  if (children.length === 0) return value
  return Array.isArray(value) ? children.map(([, item]) => item) : Object.fromEntries(children)
}

type Child = readonly [name: string | number, schema: SchemaNode, value: unknown]

function childrenOf(schema: SchemaNode, value: unknown): readonly Child[] {
  const { items } = schema
  if (Array.isArray(value) && items !== undefined) {
    return value.map((item: unknown, index) => [index, items, item] as const)
  }
  if (!isMapping(value)) return []
  const entry = entrySchema(schema)
  return Object.entries(value).map(
    ([name, item]) => [name, schema.properties?.[name] ?? entry ?? {}, item] as const,
  )
}

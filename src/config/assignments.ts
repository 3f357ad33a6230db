import type { Fault, Origin } from './faults.ts'
import type { Key } from './keys.ts'
import { entrySchema, isMapping, type Path, type SchemaNode } from './schema-node.ts'

/** One key set from outside the file, by a variable or a flag. */
export interface Assignment {
  readonly key: Key
  readonly value: unknown
  readonly origin: Origin
}

/** Assignments in the order in which they apply, and what could not be read. */
export interface Assignments {
  readonly assignments: readonly Assignment[]
  readonly faults: readonly Fault[]
}

/** Reads the text of a variable or flag as its key wants it: numbers and truth values as such, maps and lists as JSON. */
export function assign(key: Key, text: string, origin: Origin): Assignment | Fault {
  if (!isStructured(key.schema)) return { key, value: scalar(key.schema, text), origin }
  try {
    return { key, value: JSON.parse(text), origin }
  } catch {
    // The text is not shown: it may hold credentials.
    const example = key.schema.items === undefined ? '{"name": {}}' : '["one", "two"]'
    const problem = 'must be JSON'
    return { path: key.path.join('.'), origin, problem, cure: `write it as in ${example}` }
  }
}

/** Sorts results of {@link assign} into what applies and what is wrong. */
export function gather(results: readonly (Assignment | Fault | undefined)[]): Assignments {
  const assignments: Assignment[] = []
  const faults: Fault[] = []
  for (const result of results) {
    if (result === undefined) continue
    if ('key' in result) assignments.push(result)
    else faults.push(result)
  }
  return { assignments, faults }
}

const isStructured = (schema: SchemaNode): boolean =>
  schema.properties !== undefined || schema.items !== undefined || entrySchema(schema) !== undefined

function scalar(schema: SchemaNode, text: string): unknown {
  if (schema.type === 'integer' && /^[+-]?[0-9]+$/.test(text)) return Number(text)
  if (schema.type === 'boolean' && /^(true|false)$/i.test(text))
    return text.toLowerCase() === 'true'
  return text
}

/** Lays an assignment over a tree. Groups are merged; lists, maps and plain values take the place of what was there. */
export function layOver(tree: unknown, { key, value }: Assignment): unknown {
  return setAt(tree, key.path, value, key.isGroup)
}

function setAt(tree: unknown, path: readonly string[], value: unknown, merge: boolean): unknown {
  const [name, ...rest] = path
  if (name === undefined) return merge ? mergeGroups(tree, value) : value
  // What should be a group and is not stays, so that it is told.
  if (tree !== undefined && tree !== null && !isMapping(tree)) return tree
  return { ...tree, [name]: setAt(tree?.[name], rest, value, merge) }
}

function mergeGroups(below: unknown, above: unknown): unknown {
  if (!isMapping(below) || !isMapping(above)) return above
  const merged = Object.entries(above).map(([name, value]) => [
    name,
    mergeGroups(below[name], value),
  ])
  return { ...below, ...Object.fromEntries(merged) }
}

/** The last assignment that a value came by, `undefined` when none did. */
export function originAmong(assignments: readonly Assignment[], path: Path): Origin | undefined {
  return assignments.findLast(({ key, value }) => {
    if (!key.path.every((part, index) => part === path[index])) return false
    return !key.isGroup || holds(value, path.slice(key.path.length))
  })?.origin
}

function holds(value: unknown, path: Path): boolean {
  const [name, ...rest] = path
  if (name === undefined) return true
  return isMapping(value) && Object.hasOwn(value, name) && holds(value[name], rest)
}

import { OciError } from './errors.ts'
import type { JsonObject } from './json.ts'

/**
 * Readers of single fields out of JSON from outside. `at` says where we are (`layers[2]`), for the message. As in Go, `null` counts as
 * absent. All throw {@link OciError} `MANIFEST_INVALID` when the value has another type.
 */

/** The error that says what is wrong where. */
export function invalid(at: string, problem: string): OciError {
  return new OciError('MANIFEST_INVALID', at === '' ? problem : `${at}: ${problem}`)
}

/** An own field of an object; absent and `null` are one. */
export function field(object: JsonObject, key: string): unknown {
  return Object.hasOwn(object, key) ? (object[key] ?? undefined) : undefined
}

const isObject = (value: unknown): value is JsonObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/**
 * An object whose keys are the specs' names. Go matches them whatever their case, so a `Layers` that we overlooked would be layers to
 * containerd: such look-alikes are refused.
 */
export function asObject(value: unknown, at: string, names: ReadonlySet<string>): JsonObject {
  if (!isObject(value)) throw invalid(at, 'must be an object')
  for (const key of Object.keys(value)) {
    if (!names.has(key) && foldedNames(names).has(fold(key))) {
      throw invalid(at, `${JSON.stringify(key)} is a look-alike of a key of the spec`)
    }
  }
  return value
}

/** Go's folding also equates `ſ` with `s` and the Kelvin sign with `k`. */
const fold = (key: string): string => key.toLowerCase().toUpperCase()

const folded = new WeakMap<ReadonlySet<string>, ReadonlySet<string>>()

function foldedNames(names: ReadonlySet<string>): ReadonlySet<string> {
  const known = folded.get(names) ?? new Set([...names].map(fold))
  folded.set(names, known)
  return known
}

export function optionalString(object: JsonObject, key: string, at: string): string | undefined {
  const value = field(object, key)
  if (value === undefined || typeof value === 'string') return value
  throw invalid(at, `${key} must be a string`)
}

export function stringList(
  object: JsonObject,
  key: string,
  at: string,
): readonly string[] | undefined {
  const value = field(object, key)
  if (value === undefined) return undefined
  if (Array.isArray(value) && value.every(item => typeof item === 'string')) return value
  throw invalid(at, `${key} must be a list of strings`)
}

/** Annotations: any keys, text values. The result has no prototype, so `constructor` and `__proto__` are keys like others. */
export function stringMap(
  object: JsonObject,
  key: string,
  at: string,
): Readonly<Record<string, string>> | undefined {
  const value = field(object, key)
  if (value === undefined) return undefined
  if (!isObject(value)) throw invalid(at, `${key} must be an object`)
  const map: Record<string, string> = Object.create(null)
  for (const [name, text] of Object.entries(value)) {
    if (typeof text !== 'string') throw invalid(at, `${key} must have strings as values`)
    map[name] = text
  }
  return map
}

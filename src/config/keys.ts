import { rootNode } from './schema.ts'
import type { SchemaNode } from './schema-node.ts'

/** A key with fixed path, and its names outside of the file. */
export interface Key {
  readonly path: readonly string[]
  readonly schema: SchemaNode
  /** `HOLDFAST_RESOLVE__TIMEOUT_MS` */
  readonly variable: string
  /** `resolve.timeout-ms`, without the two dashes. */
  readonly flag: string
  /** A mapping whose keys are keys themselves. */
  readonly isGroup: boolean
}

/** Every key with fixed path in the order of the file, groups before what is in them. */
export const keys: readonly Key[] = listKeys(rootNode, [])

function listKeys(schema: SchemaNode, path: readonly string[]): readonly Key[] {
  return Object.entries(schema.properties ?? {}).flatMap(([name, child]) => {
    const at = [...path, name]
    const key = {
      path: at,
      schema: child,
      variable: `HOLDFAST_${at.map(part => words(part, '_').toUpperCase()).join('__')}`,
      flag: at.map(part => words(part, '-').toLowerCase()).join('.'),
      isGroup: child.properties !== undefined,
    }
    return [key, ...listKeys(child, at)]
  })
}

function words(camelCase: string, separator: string): string {
  return camelCase.replaceAll(/[A-Z]/g, letter => separator + letter)
}

const byVariable = new Map(keys.map(key => [key.variable, key]))
const byFlag = new Map(
  keys.flatMap(key => [[key.flag, key] as const, [key.path.join('.'), key] as const]),
)

/** The key that an environment variable sets. */
export function keyOfVariable(name: string): Key | undefined {
  return byVariable.get(name)
}

/** The key that a flag sets, written `resolve.timeout-ms` or `resolve.timeoutMs`. */
export function keyOfFlag(name: string): Key | undefined {
  return byFlag.get(name)
}

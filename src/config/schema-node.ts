import type { KindName } from './kinds.ts'

/** A JSON Schema node of the configuration, as far as this program reads it. */
export interface SchemaNode {
  readonly type?: string | readonly string[]
  readonly properties?: Readonly<Record<string, SchemaNode>>
  readonly patternProperties?: Readonly<Record<string, SchemaNode>>
  readonly required?: readonly string[]
  readonly items?: SchemaNode
  readonly enum?: readonly unknown[]
  readonly default?: unknown
  readonly description?: string
  readonly minimum?: number
  readonly maximum?: number
  readonly minLength?: number
  readonly minItems?: number
  readonly 'x-kind'?: KindName
  /** A plain text stands for a mapping with this key. */
  readonly 'x-shorthand'?: string
  /** The value is never shown. */
  readonly 'x-secret'?: boolean
  /** A path that must name a readable file. */
  readonly 'x-file'?: boolean
  /** Where the default is worked out, as text. */
  readonly 'x-derived'?: string
  /** What the keys of a map look like, for editors and Helm: the program tells better what is wrong. */
  readonly 'x-names'?: string
  /** An entry that shows the keys of a map's values. */
  readonly 'x-entry'?: string
}

/** Where a value stands in the configuration. */
export type Path = readonly (string | number)[]

/** `upstreams["docker.io"].endpoints[0].url` */
export function formatPath(path: Path): string {
  return path
    .map((part, index) => {
      if (typeof part === 'number') return `[${part}]`
      if (!/^[A-Za-z_][A-Za-z0-9_]*$/.test(part)) return `[${JSON.stringify(part)}]`
      return index === 0 ? part : `.${part}`
    })
    .join('')
}

/** The schema of the values of a map (`upstreams`), `undefined` when the node is none. */
export function entrySchema(schema: SchemaNode): SchemaNode | undefined {
  return Object.values(schema.patternProperties ?? {})[0]
}

/** A mapping as YAML and JSON give it. */
export function isMapping(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

import { isMap, isScalar, type Pair, parseDocument, type YAMLMap } from 'yaml'

/** One thing that can be set in the chart, as its values file tells it. */
export interface ChartValue {
  readonly path: readonly string[]
  readonly description: string
  /** What holds while it is not set. */
  readonly value: unknown
  /** Further values below it; absent for one that is set as a whole. */
  readonly below?: readonly ChartValue[]
}

/** A path on the node. */
const nodePath = '/[^\\s]*'
/** One that is not the root. */
const ownPath = '/+[^/\\s][^\\s]*'
/** What Kubernetes lets a Service be called; names are cut where they are too long. */
const serviceName = '[a-z]([-a-z0-9]*[a-z0-9])?'
/** What Kubernetes lets a Secret be called. */
const secretName = '[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?'

/** What texts have to look like, and those of lists. */
const patterns: Readonly<Record<string, string>> = {
  'image.digest': '^(sha256:[0-9a-f]{64})?$',
  'image.pullSecrets': `^${secretName}$`,
  ...Object.fromEntries(
    ['socketDir', 'configDir', 'certsDir', 'contentDir', 'drop'].map(name => [
      `paths.${name}`,
      `^(${nodePath})?$`,
    ]),
  ),
  'paths.registriesDir': `^(${nodePath}|-)?$`,
  'paths.machineId': `^(${nodePath}|-)?$`,
  'paths.data': `^${ownPath}$`,
  // Stands behind the name of the release, mostly.
  nameOverride: '^([a-z0-9]([-a-z0-9]*[a-z0-9])?)?$',
  fullnameOverride: `^(${serviceName})?$`,
  'secret.existing': `^(${secretName})?$`,
  upstreamSecrets: `^${secretName}$`,
}

/** What Kubernetes defines is set as a whole, and judged by Kubernetes. */
const asInKubernetes = /\bas in Kubernetes\b/i

/**
 * Reads a values file whose every key has a comment before it. A mapping that is not empty is a group of values, but for the one that is
 * called `config` and for what its comment says to be as in Kubernetes. Throws when a key has no comment.
 */
export function readChartValues(text: string): readonly ChartValue[] {
  const { contents, errors } = parseDocument(text)
  if (errors[0] !== undefined) throw errors[0]
  if (!isMap(contents)) throw new Error('values.yaml is no mapping')
  return readGroup(contents, [])
}

function readGroup(group: YAMLMap, path: readonly string[]): readonly ChartValue[] {
  return group.items.map((pair, index) =>
    readOne(pair, path, index === 0 ? group.commentBefore : undefined),
  )
}

function readOne(
  { key, value }: Pair,
  parents: readonly string[],
  before: string | null | undefined,
): ChartValue {
  if (!isScalar(key)) throw new Error(`${parents.join('.')}: a key is no text`)
  const path = [...parents, String(key.value)]
  const description = sentence(key.commentBefore ?? before)
  if (description === '') throw new Error(`values.yaml: ${path.join('.')} has no comment`)
  const plain: unknown = isMap(value) || !isScalar(value) ? toPlain(value) : value.value
  const isGroup = isMap(value) && value.items.length > 0 && !asInKubernetes.test(description)
  if (!isGroup || path.join('.') === 'config') return { path, description, value: plain }
  return { path, description, value: plain, below: readGroup(value, path) }
}

function toPlain(node: unknown): unknown {
  const isNode = typeof node === 'object' && node !== null && 'toJSON' in node
  return isNode && typeof node.toJSON === 'function' ? node.toJSON() : node
}

/** The last paragraph of a comment as one line: what stands before it is about the file. */
function sentence(comment: string | null | undefined): string {
  const paragraph = (comment ?? '').split(/\n\s*\n/).at(-1) ?? ''
  return paragraph
    .split('\n')
    .map(line => line.trim())
    .join(' ')
}

/** JSON Schema of the values, with that of our configuration at its place. Keys that are none of these are refused. */
export function toValuesSchema(values: readonly ChartValue[], config: object): object {
  const { $schema, title, ...configSchema } = config as Record<string, unknown>
  const properties = propertiesOf(values)
  return {
    $schema,
    title: 'Values of the chart of Holdfast',
    type: 'object',
    properties: {
      ...properties,
      config: {
        ...withAnyRegistry(configSchema as unknown as ConfigSchema),
        description: valueAt(values, 'config').description,
      },
      // Helm's own, where the chart is part of another.
      global: { type: 'object' },
    },
    additionalProperties: false,
  }
}

interface ConfigSchema {
  readonly properties: {
    readonly upstreams: { readonly patternProperties: Readonly<Record<string, object>> }
  }
}

/** Takes registries of any name: the templates judge names, and say how one is written. */
function withAnyRegistry({ properties, ...rest }: ConfigSchema): object {
  const { patternProperties, ...upstreams } = properties.upstreams
  const [additionalProperties] = Object.values(patternProperties)
  return {
    ...rest,
    properties: { ...properties, upstreams: { ...upstreams, additionalProperties } },
  }
}

function valueAt(values: readonly ChartValue[], name: string): ChartValue {
  const found = values.find(({ path }) => path.join('.') === name)
  if (found === undefined) throw new Error(`values.yaml has no ${name}`)
  return found
}

const propertiesOf = (values: readonly ChartValue[]): object =>
  Object.fromEntries(values.map(value => [value.path.at(-1), schemaOf(value)]))

function schemaOf({ path, description, value, below }: ChartValue): object {
  if (below !== undefined) {
    const properties = propertiesOf(below)
    return { description, type: 'object', properties, additionalProperties: false }
  }
  const choices = /One of ([^.]+)\./.exec(description)?.[1]?.split(', ')
  if (choices !== undefined) return { description, enum: choices }
  const pattern = patterns[path.join('.')]
  const text = { type: 'string', ...(pattern !== undefined && { pattern }) }
  if (Array.isArray(value)) {
    const items = asInKubernetes.test(description) ? { type: 'object' } : text
    return { description, type: 'array', items }
  }
  if (typeof value === 'string') return { description, ...text }
  if (typeof value === 'number') {
    const isPort = /Port$/.test(path.at(-1) ?? '')
    return { description, type: 'integer', minimum: 1, ...(isPort && { maximum: 65_535 }) }
  }
  return { description, type: typeof value }
}

/** The values as rows of a Markdown table. */
export function toValuesTable(values: readonly ChartValue[]): string {
  const rows = values.flatMap(rowsOf)
  return ['| value | default | what |', '|---|---|---|', ...rows].join('\n')
}

function rowsOf({ path, description, value, below }: ChartValue): readonly string[] {
  const name = `\`${path.join('.')}\``
  const text = description.replaceAll('|', '\\|')
  if (below === undefined) return [`| ${name} | \`${JSON.stringify(value)}\` | ${text} |`]
  return [`| ${name} | | ${text} |`, ...below.flatMap(rowsOf)]
}

const begin = '<!-- values -->'
const end = '<!-- /values -->'

/** A page with the table between its two marks made anew. Throws where it has no marks. */
export function withValuesTable(page: string, values: readonly ChartValue[]): string {
  const [head, rest] = [page.split(begin)[0] ?? '', page.split(end)[1]]
  if (!page.includes(begin) || rest === undefined) throw new Error(`no ${begin} and ${end}`)
  return `${head}${begin}\n${toValuesTable(values)}\n${end}${rest}`
}

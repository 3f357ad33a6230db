import type { Operation } from '../src/http/admin/operation.ts'
import { problemTitles } from '../src/http/admin/problem.ts'

/** What the page needs of a JSON Schema, as the contracts have it. */
interface Shape {
  readonly type?: string
  readonly format?: string
  readonly description?: string
  readonly default?: unknown
  readonly const?: unknown
  readonly enum?: readonly unknown[]
  readonly anyOf?: readonly Shape[]
  readonly items?: Shape
  readonly properties?: Readonly<Record<string, Shape>>
  readonly required?: readonly string[]
  readonly minimum?: number
  readonly maximum?: number
  readonly maxItems?: number
}

const head = `# Admin API

For the operator of a node: what every command does, a program can do, too. This page is made from the sources, as is
[openapi.json](openapi.json), which says the same to programs and is served at \`/api/v1/openapi.json\`, without a token, too.

- **Where.** \`http://127.0.0.1:5051\` and, where \`admin.socket\` names one, a unix socket whose file mode is the permission. Other addresses only
  with TLS.
- **Who.** \`Authorization: Bearer TOKEN\`, a line of \`admin.tokenFile\`: \`TOKEN [read|write [NAME]]\`, of 22 characters or more. What changes something
  needs a token that may write. Who sends wrong tokens too often is told to wait (429); a right one is let in even so. The file is read anew when
  it changes. While it is broken or gone the tokens of before stay in force, which the log and \`/readyz\` tell: to take a token away, write the
  file without its line.
- **What.** JSON. Times are ISO 8601 in UTC, sizes bytes; what is unknown is left out. Every answer names its node and the time it is of.
- **Errors** are problems (RFC 9457, \`application/problem+json\`): \`detail\` says what to do. Any operation may answer 400, 401, 429, 431 or 500, one
  that writes also 403; others are named below.
- **Parameters** and fields that an operation does not have are refused (400), as are values that make no sense; \`detail\` names those that it has, and what
  each may be.
- **Pages.** While \`next\` is there, ask again with \`after\` or \`before\` set to it.
- **Again.** \`PUT\` and \`DELETE\` may be repeated, when an answer was lost, say: what stands so already is left as it is, and what is not there is
  taken away (200), with \`changed\` saying that nothing had to be done. \`copies\` counts then, too. Only a job or a tag that nobody knows is a 404.
- **Two writers.** Where an \`ETag\` is answered, \`If-Match\` has a change made only to what was seen (412 else). The mode and the log level of
  one node have none: each is said whole, the answer tells what is in force, and the audit log of that node who said what before it.
- **Audit.** Every change stands in \`GET /api/v1/audit\` of the node that made it: the last ten thousand, and the last thousand that were refused; entries of restores are counted by themselves.
- A part of a path is percent-encoded: \`/api/v1/pins/docker.io%2Flibrary%2Fnginx:1.27\`. What lies below \`/api/v1/nodes/{name}\` is of one node, \`self\`
  or any other, and may be asked of each; the rest is the same on all nodes or of the one that answers.
`

/** The API as a page for people, grouped by the first part of the paths. */
export function toApiPage(operations: readonly Operation[]): string {
  const groups = Map.groupBy(operations, groupOf)
  const sections = [...groups].sort(([a], [b]) => (a < b ? -1 : 1))
  const contents = sections.map(([name]) => `[${name}](#${name})`).join(' · ')
  return [head, contents, ...sections.map(toSection)].join('\n').concat('\n')
}

const groupOf = ({ path }: Operation): string => path.split('/')[3] ?? path

const toSection = ([name, operations]: readonly [string, readonly Operation[]]): string =>
  [`\n## ${name}\n`, ...operations.map(toEntry)].join('\n')

function toEntry({
  method,
  path,
  summary,
  role,
  query,
  body,
  answer,
  problems,
}: Operation): string {
  const mayWrite = role === 'write' ? ' Needs a token that may write.' : ''
  const others = problems.map(status => `${status} ${problemTitles[status] ?? ''}`.trim())
  return [
    `### ${method} ${path}\n`,
    `${summary}.${mayWrite}\n`,
    ...toTable('parameter', rowsOf(query as Shape, '')),
    ...(body === undefined ? [] : contentOf('field of the body', body, 'Body')),
    ...contentOf('field of the answer', answer, 'Answer'),
    ...(others.length === 0 ? [] : [`Problems: ${others.join(', ')}.\n`]),
  ].join('\n')
}

function contentOf(heading: string, content: object, name: string): readonly string[] {
  if ('bytes' in content && typeof content.bytes === 'string') {
    return [`${name}: bytes of \`${content.bytes}\`.\n`]
  }
  return toTable(heading, rowsOf(content as Shape, ''))
}

interface Row {
  readonly name: string
  readonly type: string
  readonly meaning: string
}

/** With every answer; the head of the page tells it. */
const usual = ['node', 'asOf']

function rowsOf({ properties = {}, required = [] }: Shape, prefix: string): readonly Row[] {
  return Object.entries(properties).flatMap(([key, shape]) => {
    if (prefix === '' && usual.includes(key) && required.includes(key) && 'asOf' in properties)
      return []
    const name = `${prefix}${key}`
    const isOptional = !required.includes(key) && !('default' in shape)
    const type = `${typeOf(shape)}${isOptional ? ', optional' : ''}`
    const below = shape.items?.properties === undefined ? shape : shape.items
    const step = below === shape ? '.' : '[].'
    return [{ name, type, meaning: meaningOf(shape) }, ...rowsOf(below, `${name}${step}`)]
  })
}

function typeOf(shape: Shape): string {
  const values = shape.enum ?? shape.anyOf?.map(one => one.const)
  if (values !== undefined && !values.includes(undefined)) return values.map(code).join(', ')
  if (shape.const !== undefined) return code(shape.const)
  if (shape.type === 'array') return `list of ${typeOf(shape.items ?? {})}`
  if (shape.format === 'date-time') return 'time'
  return shape.type ?? 'anything'
}

function meaningOf(shape: Shape): string {
  const { minimum, maximum } = shape
  const isRange = minimum !== undefined && maximum !== undefined
  return [
    shape.description,
    isRange ? `${minimum} to ${maximum}.` : undefined,
    shape.default === undefined ? undefined : `Else ${code(shape.default)}.`,
  ]
    .filter(part => part !== undefined)
    .join(' ')
}

const code = (value: unknown): string => `\`${String(value)}\``

function toTable(heading: string, rows: readonly Row[]): readonly string[] {
  if (rows.length === 0) return []
  const lines = rows.map(({ name, type, meaning }) => `| \`${name}\` | ${type} | ${meaning} |`)
  return [`| ${heading} | type | meaning |\n|---|---|---|`, ...lines, '']
}

import { findAdmin } from './admin-address.ts'
import { type AdminApi, createAdminApi } from './admin-api.ts'
import type { CommandContext } from './command.ts'
import { CommandFailure } from './command-failure.ts'
import type { ExitCode } from './exit-codes.ts'
import { nodesAnswer } from './node-answers.ts'
import { nodePath } from './node-words.ts'
import { print } from './print.ts'
import { columns, type Line } from './table.ts'

/** What is asked of one node, or of every one, and how the answers are shown. */
export interface NodeQuestion<A> {
  /** Where it is in the API, below the node. */
  readonly what: string
  ask(api: AdminApi, path: string): Promise<A>
  /** The answer of one node. */
  lines(answer: A): readonly Line[]
  /** The answers of all, a row each; the first column is the node's name. */
  readonly heads: readonly string[]
  row(answer: A): readonly string[]
  /** What is said below the rows. */
  foot?(answers: readonly A[]): readonly string[]
  /** `ok` unless told. */
  exitCode?(answer: A): ExitCode
}

/** A node, with its answer or with why there is none. */
export type Heard<A> = { readonly node: string; readonly id: string } & (
  | { readonly answer: A }
  | Unheard
)

/** Why there is no answer; `ok`: there was to be none. */
export interface Unheard {
  readonly error: string
  readonly code: ExitCode
}

/** Stands for every node. */
const allWord = 'all'

/** Nodes that are asked at once. */
const atOnce = 16

/** Asks the node that `--node` names, or every one, prints what came, and tells the exit code. Throws `CommandFailure`. */
export async function askNodes<A>(
  context: CommandContext,
  question: NodeQuestion<A>,
): Promise<ExitCode> {
  const isAll = context.options['node'] === allWord
  const path = nodePath(context, question.what)
  const api = createAdminApi(await findAdmin(context))
  if (isAll) return askAll(context, api, question)
  const answer = await question.ask(api, path)
  print(context, answer, () => question.lines(answer))
  return question.exitCode?.(answer) ?? 'ok'
}

async function askAll<A>(
  context: CommandContext,
  api: AdminApi,
  question: NodeQuestion<A>,
): Promise<ExitCode> {
  const { heard, ...by } = await hearAll(api, question)
  const items = heard.map(one => ('answer' in one ? one : { ...one, code: undefined }))
  print(context, { ...by, items }, () => {
    const answers = heard.flatMap(one => ('answer' in one ? [one.answer] : []))
    const rows = heard.map(one => [
      one.node,
      ...('answer' in one ? question.row(one.answer) : [tellUnheard(one)]),
    ])
    return [...columns([['NODE', ...question.heads], ...rows]), ...(question.foot?.(answers) ?? [])]
  })
  const codes = heard.map(one =>
    'answer' in one ? (question.exitCode?.(one.answer) ?? 'ok') : one.code,
  )
  return worst.find(code => codes.includes(code)) ?? codes.find(code => code !== 'ok') ?? 'ok'
}

/** Told before what else may have come of it. */
const worst: readonly ExitCode[] = ['unreachable', 'refused']

/** What all nodes answered, in the order of their names. */
export interface Hearing<A> {
  /** Of which node it was asked which others there are. */
  readonly node: string
  /** When, ISO 8601; each answer tells its own time. */
  readonly asOf: string
  readonly heard: readonly Heard<A>[]
}

/** Asks every node. */
export async function hearAll<A>(
  api: AdminApi,
  { what, ask }: Pick<NodeQuestion<A>, 'what' | 'ask'>,
): Promise<Hearing<A>> {
  const { node: asked, asOf, items } = await api.get('/api/v1/nodes', {}, nodesAnswer)
  const nodes = items.toSorted((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0))
  const isTwice = (name: string) => nodes.filter(one => one.name === name).length > 1
  const heard: Heard<A>[] = []
  for (let from = 0; from < nodes.length; from += atOnce) {
    const some = nodes
      .slice(from, from + atOnce)
      .map(async ({ id, name, state }): Promise<Heard<A>> => {
        const node = isTwice(name) ? `${name} (${id.slice(0, 12)})` : name
        if (state === 'banned') return { node, id, ...banned(name) }
        try {
          return { node, id, answer: await ask(api, `/api/v1/nodes/${id}/${what}`) }
        } catch (error) {
          return { node, id, ...failureOf(error) }
        }
      })
    heard.push(...(await Promise.all(some)))
  }
  return { node: asked, asOf, heard }
}

/** What stands where an answer would. */
export function tellUnheard({ error, code }: Unheard): string {
  if (code === 'ok') return error
  return `${code === 'refused' ? 'refused' : 'no answer'}: ${error}`
}

/** A node that is banned is left alone, and nobody misses its answer. */
const banned = (name: string): Unheard => ({
  error: `banned, and not asked; \`holdfast unban ${name}\` lifts that`,
  code: 'ok',
})

/** What another node would be answered no better is thrown on. */
function failureOf(error: unknown): Unheard {
  if (!(error instanceof CommandFailure) || error.said === undefined) throw error
  return { error: error.said, code: error.code === 'refused' ? 'refused' : 'unreachable' }
}

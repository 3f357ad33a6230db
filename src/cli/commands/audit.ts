import { formatReference } from '../../oci/reference.ts'
import { findAdmin } from '../admin-address.ts'
import { createAdminApi, type Query } from '../admin-api.ts'
import { type AuditAnswer, auditAnswer } from '../answers.ts'
import { tellChange, tellDeed } from '../audit-words.ts'
import type { CommandContext, RunCommand } from '../command.ts'
import { CommandFailure } from '../command-failure.ts'
import { type Hearing, hearAll, tellUnheard } from '../each-node.ts'
import { nodePath } from '../node-words.ts'
import { print, readLimit, readReference } from '../print.ts'
import { readTime } from '../read-time.ts'
import { columns, type Line } from '../table.ts'

/** `holdfast audit [REF]` */
export const run: RunCommand = async context => {
  const limit = readLimit(context.options['limit'], 20, 1000)
  const query = { ...readFilter(context), limit }
  const path = nodePath(context, 'audit')
  const api = createAdminApi(await findAdmin(context))
  if (context.options['node'] === 'all') {
    const ask = { what: 'audit', ask: (_: unknown, at: string) => api.get(at, query, auditAnswer) }
    return printAll(context, await hearAll(api, ask), limit)
  }
  const answer = await api.get(path, query, auditAnswer)
  print(context, answer, () => [...lines(answer.items), ...tellLimit(answer.items, limit)])
  return 'ok'
}

/** Throws `CommandFailure` with `usage`. */
function readFilter({ words: [word], options }: CommandContext): Query {
  const { subject, by: caller, since, until } = options
  if (word !== undefined && subject !== undefined) {
    throw new CommandFailure('usage', 'name a REF or a --subject: each stands for the other')
  }
  const now = { towards: 'past', nowMs: Date.now() } as const
  return {
    subject: word === undefined ? subject : formatReference(readReference(word)),
    caller,
    since: since && readTime(since, { option: '--since', dateMeans: 'start', ...now }),
    until: until && readTime(until, { option: '--until', ...now }),
  }
}

type Entry = AuditAnswer['items'][number]

/** What was done on all nodes as one list, newest first. */
function printAll(
  context: CommandContext,
  { heard, ...by }: Hearing<AuditAnswer>,
  limit: number,
): 'ok' | 'unreachable' {
  const entries = heard
    .flatMap(one => ('answer' in one ? one.answer.items.map(on(one.node)) : []))
    .sort((a, b) => (a.at < b.at ? 1 : a.at > b.at ? -1 : 0))
    .slice(0, limit)
  const unheard = heard.filter(one => 'error' in one)
  const silent = unheard.map(({ node, error }) => ({ node, error }))
  const nodes = heard.flatMap(one =>
    'answer' in one ? { node: one.node, asOf: one.answer.asOf } : [],
  )
  print(context, { ...by, nodes, items: entries, silent }, () => [
    ...lines(entries),
    ...tellLimit(entries, limit),
    ...(silent.length > 0 ? [''] : []),
    ...unheard.map(one => `${one.node}: ${tellUnheard(one)}`),
  ])
  return unheard.some(({ code }) => code !== 'ok') ? 'unreachable' : 'ok'
}

const on =
  (node: string) =>
  (entry: Entry): Entry & { readonly node: string } => ({ node, ...entry })

function lines(items: readonly (Entry & { readonly node?: string })[]): readonly Line[] {
  if (items.length === 0) return ['nothing is remembered of it']
  const rows = items.map(item => [
    item.at,
    ...(item.node === undefined ? [] : [item.node]),
    item.caller,
    tellDeed(item),
    tellSubject(item),
    tellChange(item),
  ])
  const isOfAll = items[0]?.node !== undefined
  return columns([['AT', ...(isOfAll ? ['ON'] : []), 'BY', 'DID', 'TO', 'CHANGED'], ...rows])
}

function tellLimit(items: readonly unknown[], limit: number): readonly Line[] {
  return items.length < limit ? [] : ['', `only the newest ${limit}; --limit shows more`]
}

/** What it was done to; a node by its name and the beginning of its id. */
function tellSubject({ subject, subjectName }: Entry): string {
  if (subjectName == null || subjectName === subject) return subject
  return `${subjectName} (${subject.slice(0, 12)})`
}

import { findAdmin } from '../admin-address.ts'
import { createAdminApi } from '../admin-api.ts'
import { type RestoreAnswer, restoreAnswer } from '../backup-answers.ts'
import type { CommandContext, RunCommand } from '../command.ts'
import { print } from '../print.ts'
import { readBackup } from '../read-backup.ts'
import { columns, type Line } from '../table.ts'

type Item = RestoreAnswer['items'][number]

/** `holdfast restore FILE|-` */
export const run: RunCommand = async context => {
  const { words, options } = context
  const body = await readBackup(words[0] ?? '')
  const api = createAdminApi(await findAdmin(context))
  const how = {
    replace: options['replace'] !== undefined,
    dryRun: options['dry-run'] !== undefined,
  }
  const items: Item[] = []
  let answer: RestoreAnswer | undefined
  let from: number | undefined
  try {
    do {
      const question = { query: { ...how, from }, body }
      answer = await api.change('POST', '/api/v1/restore', question, restoreAnswer)
      for (const item of answer.items) items.push(item)
      from = answer.next
    } while (from !== undefined)
  } catch (error) {
    // What was done before is done.
    if (answer !== undefined) tell(context, answer, items)
    throw error
  }
  tell(context, answer, items)
  return items.every(({ outcome }) => fine.includes(outcome)) ? 'ok' : 'faulty'
}

const fine = ['changed', 'would-change', 'unchanged', 'over']

const tell = (context: CommandContext, { node, asOf, dryRun }: RestoreAnswer, items: Item[]) =>
  print(context, { node, asOf, dryRun, items }, () => lines(items))

function lines(items: readonly Item[]): readonly Line[] {
  if (items.length === 0) return ['the file says nothing']
  const rows = items.map(({ kind, what, outcome, reason }) => [
    kind,
    what,
    words[outcome] ?? outcome,
    [
      ...(reason == null ? [] : [reason]),
      ...(outcome === 'left' ? ['--replace says it anew'] : []),
    ].join('; '),
  ])
  return [...columns([['KIND', 'WHAT', 'OUTCOME', ''], ...rows]), '', ...summaryLines(items)]
}

/** How many came to what, by their kinds; then what to do about those that did not. */
function summaryLines(items: readonly Item[]): readonly Line[] {
  const told = [...Map.groupBy(items, ({ outcome }) => outcome)].map(([outcome, some]) => {
    const kinds = [...Map.groupBy(some, ({ kind }) => kind)]
    const counts = kinds.map(([kind, { length }]) => `${length} ${kind}${length === 1 ? '' : 's'}`)
    return `${counts.join(', ')} ${words[outcome] ?? outcome}`
  })
  const isWhole = items.every(({ outcome }) => fine.includes(outcome))
  const cure = 'mend what the reasons above say, and restore the same file again'
  return [told.join('; '), ...(isWhole ? [] : [cure])]
}

const words: Readonly<Record<string, string>> = {
  changed: 'restored',
  'would-change': 'would be restored',
  unchanged: 'as before',
  over: 'ended by now',
  left: 'left as it is',
}

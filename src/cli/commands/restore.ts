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
      items.push(...answer.items)
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
  return columns([['KIND', 'WHAT', 'OUTCOME', ''], ...rows])
}

const words: Readonly<Record<string, string>> = {
  changed: 'said',
  'would-change': 'would be said',
  unchanged: 'stands',
  over: 'has ended',
}

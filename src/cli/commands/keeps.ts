import { findAdmin } from '../admin-address.ts'
import { createAdminApi } from '../admin-api.ts'
import type { RunCommand } from '../command.ts'
import { type KeepsAnswer, keepsAnswer } from '../operator-answers.ts'
import { formatSayer, print } from '../print.ts'
import { columns, type Line } from '../table.ts'

/** `holdfast keeps` */
export const run: RunCommand = async context => {
  const api = createAdminApi(await findAdmin(context))
  const answer = await api.get('/api/v1/keeps', {}, keepsAnswer)
  print(context, answer, () => lines(answer))
  return 'ok'
}

function lines({ items, tags }: KeepsAnswer): readonly Line[] {
  if (items.length === 0) return ['no pattern is kept']
  const rows = items.map(item => [
    item.pattern,
    String(item.tags),
    saidBy(item),
    item.setAt ?? '',
    formatSayer(item.setOn, item.setOnName) ?? '',
    item.note ?? '',
  ])
  return [
    ...columns([['PATTERN', 'TAGS', 'BY', 'SINCE', 'ON', 'NOTE'], ...rows]),
    '',
    `${tags} known ${tags === 1 ? 'tag is' : 'tags are'} kept by them`,
  ]
}

/** The configuration, who said it, or both. */
function saidBy({ configured, setAt, author }: KeepsAnswer['items'][number]): string {
  const operator = setAt == null ? [] : [author ?? 'an operator']
  return [...(configured ? ['configuration'] : []), ...operator].join(', ')
}

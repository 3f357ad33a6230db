import { findAdmin } from '../admin-address.ts'
import { createAdminApi } from '../admin-api.ts'
import type { RunCommand } from '../command.ts'
import { keepPath } from '../keep-path.ts'
import { type KeepAnswer, type KeepsAnswer, keepAnswer, keepsAnswer } from '../operator-answers.ts'
import { formatSayer, print, properties } from '../print.ts'
import { columns, type Line } from '../table.ts'

/** `holdfast keeps [PATTERN]` */
export const run: RunCommand = async context => {
  const api = createAdminApi(await findAdmin(context))
  const [word] = context.words
  if (word !== undefined) {
    const one = await api.get(keepPath(word), {}, keepAnswer)
    print(context, one, () => describe(one))
    return 'ok'
  }
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

function describe(one: KeepAnswer): readonly Line[] {
  const { pattern, tags, setAt, setOn, setOnName, note, covered } = one
  const named = covered ?? []
  const more = tags > named.length ? [`  and ${tags - named.length} more`] : []
  return [
    `${pattern} is kept`,
    ...properties([
      ['by', saidBy(one)],
      ['since', setAt],
      ['said on', formatSayer(setOn, setOnName)],
      ['note', note],
      ['known tags', String(tags)],
    ]),
    ...(named.length === 0
      ? []
      : ['', 'tags that it covers:', ...named.map(tag => `  ${tag}`), ...more]),
  ]
}

/** The configuration, who said it, or both. */
function saidBy({ configured, setAt, author }: KeepsAnswer['items'][number]): string {
  const operator = setAt == null ? [] : [author ?? 'an operator']
  return [...(configured ? ['configuration'] : []), ...operator].join(', ')
}

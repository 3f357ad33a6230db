import { formatRepository, type Repository } from '../../oci/reference.ts'
import { findAdmin } from '../admin-address.ts'
import { createAdminApi } from '../admin-api.ts'
import { type TagsAnswer, tagsAnswer } from '../answers.ts'
import type { CommandContext, RunCommand } from '../command.ts'
import { CommandFailure } from '../command-failure.ts'
import { columns, print, readLimit, readReference } from '../print.ts'

type Item = TagsAnswer['items'][number]

/** `holdfast tags [REPO]` */
export const run: RunCommand = async context => {
  const limit = readLimit(context.options['limit'], 1000, 1_000_000)
  const repository = readRepository(context)
  const api = createAdminApi(await findAdmin(context))
  const items: Item[] = []
  let after: string | undefined
  do {
    const query = { ...repository, after, limit: Math.min(limit - items.length, 1000) }
    const page = await api.get('/api/v1/tags', query, tagsAnswer)
    items.push(...page.items)
    after = page.next === after ? undefined : (page.next ?? undefined)
  } while (after !== undefined && items.length < limit)
  print(context, { items }, () => lines(items, after !== undefined))
  return 'ok'
}

function readRepository({ words }: CommandContext): Repository | undefined {
  const [word] = words
  if (word === undefined) return undefined
  const reference = readReference(word)
  if (/:[^/]*$|@/.test(word.replace(/^[^/]*\//, ''))) {
    throw new CommandFailure(
      'usage',
      `tags takes a repository, as in ${formatRepository(reference)}`,
    )
  }
  return { registry: reference.registry, repository: reference.repository }
}

function lines(items: readonly Item[], isCut: boolean): string[] {
  if (items.length === 0) return ['no tags are remembered']
  const rows = items.map(({ reference, digest, source, confirmedAt, pinned }) => [
    reference,
    digest ?? 'none',
    pinned === true ? 'pinned' : (source ?? ''),
    confirmedAt ?? '',
  ])
  const more = isCut ? ['', `only the first ${items.length}; --limit shows more`] : []
  return [...columns([['TAG', 'DIGEST', 'SOURCE', 'CONFIRMED'], ...rows]), ...more]
}

import { formatRepository, parseRegistry, quote, type Repository } from '../../oci/reference.ts'
import { findAdmin } from '../admin-address.ts'
import { type AdminApi, createAdminApi, type Query } from '../admin-api.ts'
import type { CommandContext, RunCommand } from '../command.ts'
import { CommandFailure } from '../command-failure.ts'
import { fullPrefix, likelyPrefix, likelyRepositories } from '../likely-repositories.ts'
import { print, readLimit, readReference } from '../print.ts'
import { readDuration } from '../read-time.ts'
import { columns, type Line } from '../table.ts'
import { type TagsAnswer, tagsAnswer } from '../tag-answers.ts'

const searchOptions = ['registry', 'prefix', 'contains', 'stale', 'incomplete', 'source'] as const
const sources: readonly string[] = ['upstream', 'push', 'import', 'containerd']

type Item = TagsAnswer['items'][number]

/** `holdfast tags [REPO]` */
export const run: RunCommand = async context => {
  const limit = readLimit(context.options['limit'], 1000, 1_000_000)
  const search = readSearch(context)
  const api = createAdminApi(await findAdmin(context))
  const items: Item[] = []
  let first: TagsAnswer | undefined
  let after: string | undefined
  do {
    const query = { ...search, after, limit: Math.min(limit - items.length, 1000) }
    const page = await api.get('/api/v1/tags', query, tagsAnswer)
    first ??= page
    items.push(...page.items)
    after = page.next === after ? undefined : (page.next ?? undefined)
  } while (after !== undefined && items.length < limit)
  const isTold = items.length === 0 && context.write === undefined
  const none = isTold ? await tellNone(api, search, context) : []
  const { node, asOf } = first
  print(context, { node, asOf, items }, () =>
    none.length > 0 ? none : lines(items, after !== undefined),
  )
  return items.length === 0 && isOfRepositoryAlone(context) ? 'noAnswer' : 'ok'
}

/** What was named is not there; a filter that nothing fits is an answer. */
const isOfRepositoryAlone = ({ words, options }: CommandContext): boolean =>
  words.length > 0 && searchOptions.every(name => options[name] === undefined)

function readSearch(context: CommandContext): Query {
  const { options } = context
  const repository = readRepository(context)
  const { registry } = options
  if (repository !== undefined && registry !== undefined) {
    throw new CommandFailure('usage', 'a repository is in one registry: leave out --registry')
  }
  return {
    registry: registry === undefined ? undefined : readRegistry(registry),
    ...repository,
    prefix: options['prefix'],
    contains: options['contains'],
    staleForSeconds: readStale(options['stale']),
    incomplete: options['incomplete'] === undefined ? undefined : true,
    source: readSource(options['source']),
  }
}

function readRegistry(text: string): string {
  const registry = parseRegistry(text)
  if (registry !== undefined) return registry
  throw new CommandFailure('usage', `--registry ${quote(text)} is no registry, as in docker.io`)
}

function readStale(text: string | undefined): number | undefined {
  if (text === undefined) return undefined
  return Math.floor(readDuration('--stale', text, { like: '12h or 7d' }) / 1000)
}

function readSource(text: string | undefined): string | undefined {
  if (text === undefined || sources.includes(text)) return text
  throw new CommandFailure('usage', `--source ${quote(text)} is none of ${sources.join(', ')}`)
}

function readRepository({ words }: CommandContext): Repository | undefined {
  const [word] = words
  if (word === undefined) return undefined
  if (word.includes('*')) {
    const [begin = '', inside = ''] = word.split('*')
    const cure =
      begin === '' && inside !== ''
        ? `those with that in them by --contains ${inside}`
        : `those that begin alike by --prefix ${fullPrefix(begin)}`
    throw new CommandFailure(
      'usage',
      `${quote(word)} is a pattern, and tags takes a repository; it lists ${cure}`,
    )
  }
  const reference = readReference(word)
  if (/:[^/]*$|@/.test(word.replace(/^[^/]*\//, ''))) {
    const cure = `\`holdfast explain ${word}\` tells of one tag`
    throw new CommandFailure(
      'usage',
      `tags takes a repository, as in ${formatRepository(reference)}; ${cure}`,
    )
  }
  return { registry: reference.registry, repository: reference.repository }
}

/** What was looked for in vain, and what somebody may have meant. */
async function tellNone(
  api: AdminApi,
  search: Query,
  { words: [word], options }: CommandContext,
): Promise<string[]> {
  const filters = searchOptions.flatMap(name => {
    const value = options[name]
    return value === undefined ? [] : value === 'true' ? `--${name}` : `--${name} ${value}`
  })
  const fits = filters.length === 0 ? '' : ` fits ${filters.join(' ')}`
  if (word === undefined) {
    const none = fits === '' ? 'no tags are remembered' : `no remembered tag${fits}`
    return [none, ...(await likelyPrefix(api, options['prefix']))]
  }
  const { registry, repository } = search
  const of = `tag of ${registry}/${repository}`
  const none = fits === '' ? `no ${of} is remembered` : `no remembered ${of}${fits}`
  return [none, ...(filters.length === 0 ? await likelyRepositories(api, word) : [])]
}

/** It is pinned to something else than it would be answered with. */
const isOtherwise = ({ digest, pinnedDigest }: Item): boolean =>
  pinnedDigest != null && digest != null && digest !== pinnedDigest

/** What the tag stands for without its pin. */
function otherwise(item: Item): string[] {
  if (!isOtherwise(item)) return []
  const who =
    item.source === 'upstream' ? 'its registry named' : `without the pin, by ${item.source},`
  return [`${who} ${item.digest} at ${item.confirmedAt}`]
}

function lines(items: readonly Item[], isCut: boolean): readonly Line[] {
  const rows = items.map(item => [
    item.reference,
    item.pinnedDigest ?? item.digest ?? 'none',
    item.pinned === true ? 'pinned' : (item.source ?? ''),
    isOtherwise(item) ? '' : (item.confirmedAt ?? ''),
    [...(item.complete === false ? ['incomplete'] : []), ...otherwise(item)].join(', '),
  ])
  const more = isCut ? ['', `only the first ${items.length}; --limit shows more`] : []
  const but = rows.some(row => row.at(-1) !== '') ? 'BUT' : ''
  return [...columns([['TAG', 'DIGEST', 'SOURCE', 'CONFIRMED', but], ...rows]), ...more]
}

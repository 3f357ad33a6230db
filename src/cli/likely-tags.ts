import { nearest } from '../config/nearest.ts'
import { formatReference, formatRepository, type Reference } from '../oci/reference.ts'
import type { AdminApi } from './admin-api.ts'
import type { CommandContext } from './command.ts'
import { CommandFailure } from './command-failure.ts'
import { readReference } from './print.ts'
import { tagsAnswer } from './tag-answers.ts'

/** Tags of one question. */
const pageTags = 1_000
/** Names that are told at the most. */
const maxTold = 5

/** Known repositories with the same last component, among the first thousand tags. */
export const findAlike = async (api: AdminApi, repository: string): Promise<readonly string[]> =>
  alikeAmong(await namesOf(api, {}), repository)

/** What somebody may have meant by a tag; nothing where the node knows it, or nothing like it, or does not tell. */
export const likelyLines = async (
  { write }: Pick<CommandContext, 'write'>,
  api: AdminApi,
  word: string,
): Promise<readonly string[]> =>
  (write === undefined ? await findLikely(api, word) : undefined) ?? []

/** Below the lines of an answer that found nothing: what may have been meant, or what lists what is known; a program reads no hints. */
export async function likelyBelow(
  { write }: Pick<CommandContext, 'write'>,
  api: AdminApi,
  word: string,
): Promise<readonly string[]> {
  const lines = write === undefined ? await findLikely(api, word) : undefined
  if (lines === undefined) return []
  return ['', ...(lines.length > 0 ? lines : [nothingLike])]
}

/** Asks something of a tag; where that is not to be had, or refused, what may have been meant by the tag is told as well. */
export async function askOfTag<T>(api: AdminApi, word: string, ask: () => Promise<T>): Promise<T> {
  try {
    return await ask()
  } catch (error) {
    if (!(error instanceof CommandFailure) || !isOfTag(error)) throw error
    const { code, message, cause, said } = error
    const lines = await findLikely(api, word)
    if (lines === undefined) throw error
    const isCured = lines.length === 0 && message.includes('`holdfast ')
    if (isCured) throw error
    const hints = lines.length > 0 ? lines : [nothingLike]
    throw new CommandFailure(code, [message, ...hints].join('\n'), cause, said)
  }
}

const nothingLike = 'no tag like it is known; `holdfast tags` lists what is'

const isOfTag = ({ code }: CommandFailure): boolean => code === 'noAnswer' || code === 'refused'

/** `undefined`: the node knows the tag, or does not tell. */
const findLikely = (api: AdminApi, word: string): Promise<readonly string[] | undefined> =>
  look(api, word).catch(() => undefined)

async function look(api: AdminApi, word: string): Promise<readonly string[] | undefined> {
  const reference = readReference(word)
  const { registry, repository, digest } = reference
  if (digest !== undefined) return undefined
  const known = await namesOf(api, { registry, repository })
  if (known.includes(formatReference(reference))) return undefined
  return known.length > 0
    ? [tellTags(reference, known)]
    : tellElsewhere(reference, await namesOf(api, {}))
}

/** References of known tags. */
async function namesOf(
  api: AdminApi,
  search: { readonly registry?: string; readonly repository?: string },
): Promise<readonly string[]> {
  const { items } = await api.get('/api/v1/tags', { ...search, limit: pageTags }, tagsAnswer)
  return items.map(({ reference }) => reference)
}

const tagOf = (name: string): string => name.slice(name.lastIndexOf(':') + 1)

/** Of a repository that is known by other tags. */
function tellTags(reference: Reference, known: readonly string[]): string {
  const repository = formatRepository(reference)
  const near = nearest(tagOf(formatReference(reference)), known.map(tagOf))
  const list = `\`holdfast tags ${repository}\` lists what is known of it`
  return near === undefined ? list : `did you mean ${repository}:${near}? ${list}`
}

/** Of a repository that is not known, where others are called so. */
function tellElsewhere(reference: Reference, known: readonly string[]): readonly string[] {
  const alike = alikeAmong(known, reference.repository)
  if (alike.length === 0) return []
  const tag = tagOf(formatReference(reference))
  const wanted = new Set(alike.map(repository => `${repository}:${tag}`))
  const tags = known.filter(name => wanted.has(name))
  if (tags.length > 0) return [`did you mean ${tags.join(' or ')}?`]
  const lists = alike.map(repository => `\`holdfast tags ${repository}\``).join(', ')
  const list = alike.length === 1 ? 'lists its tags' : 'list their tags'
  return [`did you mean ${alike.join(' or ')}? ${lists} ${list}`]
}

function alikeAmong(names: readonly string[], repository: string): readonly string[] {
  const last = repository.slice(repository.lastIndexOf('/') + 1)
  const known = new Set(names.map(name => name.slice(0, name.lastIndexOf(':'))))
  return [...known].filter(name => name.endsWith(`/${last}`)).slice(0, maxTold)
}

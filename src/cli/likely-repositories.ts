import type { AdminApi } from './admin-api.ts'
import { findAlike } from './likely-tags.ts'
import { tagsAnswer } from './tag-answers.ts'

/** How a whole reference begins that somebody began so. */
export function fullPrefix(begin: string): string {
  if (/^[^/]*[.:][^/]*\//.test(begin) || begin === '') return begin
  return begin.includes('/') ? `docker.io/${begin}` : `docker.io/library/${begin}`
}

/** The same beginning as a whole reference has it, where one begins so. */
export async function likelyPrefix(
  api: AdminApi,
  begin: string | undefined,
): Promise<readonly string[]> {
  const prefix = fullPrefix(begin ?? '')
  if (begin === undefined || prefix === begin) return []
  const { items } = await api.get('/api/v1/tags', { prefix, limit: 1 }, tagsAnswer)
  return items.length === 0 ? [] : [`did you mean --prefix ${prefix}?`]
}

/** What somebody may have meant by a word that names no known repository, among the first thousand tags. */
export async function likelyRepositories(api: AdminApi, word: string): Promise<readonly string[]> {
  const same = await findAlike(api, word)
  if (same.length > 0) return meant(same)
  const { items } = await api.get('/api/v1/tags', { limit: 1000 }, tagsAnswer)
  const known = items.map(({ reference }) => reference.slice(0, reference.lastIndexOf(':')))
  const above = known.flatMap(name => beginningThrough(name, word))
  if (above.length > 0) return meant(above.map(prefix => `--prefix ${prefix}`))
  return meant(known.filter(name => name.includes(word)))
}

function meant(some: readonly string[]): readonly string[] {
  const few = [...new Set(some)].slice(0, 5)
  return few.length === 0 ? [] : [`did you mean ${few.join(' or ')}?`]
}

/** The beginning of a name, through the components that are this word. */
function beginningThrough(name: string, word: string): readonly string[] {
  const at = `/${name}`.indexOf(`/${word}/`)
  return at < 0 ? [] : [name.slice(0, at + word.length + 1)]
}

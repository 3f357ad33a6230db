import type { Static, TSchema } from 'typebox'
import type { AdminApi } from './admin-api.ts'
import { CommandFailure } from './command-failure.ts'

/** What is said of something, or stands of it. */
interface StandingWord {
  readonly version?: string | null | undefined
  readonly note?: string | null | undefined
  readonly author?: string | null | undefined
  readonly expiresAt?: string | null | undefined
}

/** What stands; `undefined`: nothing. Throws as `get` does. */
export async function findStanding<S extends TSchema>(
  api: AdminApi,
  path: string,
  shape: S,
): Promise<Static<S> | undefined> {
  try {
    return await api.get(path, {}, shape)
  } catch (error) {
    if (error instanceof CommandFailure && error.code === 'noAnswer') return undefined
    throw error
  }
}

/** Has a change made only where what was seen still stands. */
export const overStanding = (standing: StandingWord | undefined): Record<string, string> =>
  standing?.version == null ? { 'if-none-match': '*' } : { 'if-match': `"${standing.version}"` }

/** A note and an author, and what stands: how it is said again, or for the first time. Throws as `get` does. */
export async function sayAgain<S extends TSchema>(
  api: AdminApi,
  path: string,
  options: Readonly<Record<string, string>>,
  shape: S,
) {
  const standing: StandingWord | undefined = await findStanding(api, path, shape)
  const { note, author } = goOnWith({ note: options['note'], author: options['author'] }, standing)
  return { body: { note, author }, headers: overStanding(standing) }
}

/**
 * Of what is said again what is left out goes on: the note, the end, and, where neither changes, whose word it is. An empty text is none.
 *
 * @param standing what the same was said with before; absent: it was not said
 */
export function goOnWith(
  wish: Pick<StandingWord, 'note' | 'author' | 'expiresAt'>,
  standing: StandingWord | undefined,
) {
  const note = textOf(wish.note ?? standing?.note)
  const expiresAt = textOf(wish.expiresAt ?? standing?.expiresAt)
  const isSame = note === textOf(standing?.note) && expiresAt === textOf(standing?.expiresAt)
  const author = textOf(wish.author ?? (isSame ? standing?.author : undefined))
  return { note, author, expiresAt }
}

const textOf = (text: string | null | undefined): string | undefined =>
  text == null || text === '' ? undefined : text

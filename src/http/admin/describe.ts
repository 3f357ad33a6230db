import { isDeepStrictEqual } from 'node:util'

/** ISO 8601 in UTC of ms since the epoch. */
export const iso = (ms: number): string => new Date(ms).toISOString()

/** The same where there may be no time. */
export const isoOf = (ms: number | undefined): string | undefined =>
  ms === undefined ? undefined : iso(ms)

/** Leaves out what is undefined. */
export function defined<T extends object>(
  fields: T,
): { [K in keyof T]?: Exclude<T[K], undefined> } {
  const kept = Object.entries(fields).filter(([, value]) => value !== undefined)
  return Object.fromEntries(kept) as { [K in keyof T]?: Exclude<T[K], undefined> }
}

/** Of a change: whether it was one, and if so what stood there before. `undefined` of `tell`: nothing that counts. */
export function tellChange<B, T>(
  change: { readonly before?: B | undefined; readonly after?: unknown },
  tell: (before: B) => T | undefined,
): { readonly changed: boolean; readonly before?: T } {
  if (!hasChanged(change)) return { changed: false }
  const before = change.before === undefined ? undefined : tell(change.before)
  return { changed: true, ...(before !== undefined && { before }) }
}

/** Whether something is otherwise than it was, as it is told. */
export const hasChanged = ({
  before,
  after,
}: {
  readonly before?: unknown
  readonly after?: unknown
}): boolean => !isDeepStrictEqual(before, after)

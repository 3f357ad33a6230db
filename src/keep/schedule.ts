/** Times at which something recurs, in ms since the epoch. */
export interface Times {
  /** The first one after that time. */
  after(ms: number): number | undefined
  /** The last one that is not after that time. */
  until(ms: number): number | undefined
}

/** What recurs on this node. Times in ms since the epoch, trusted time. */
export interface Schedule {
  readonly name: string
  readonly times: Times
  /** Each node begins up to so much later than it is due, always by the same. */
  readonly jitterMs: number
  /** When it was set: what would have been due earlier is nobody's. */
  readonly sinceMs: number
}

/** One time of a schedule. Every node works out the same ones, so that nobody has to give them out. */
export interface Occurrence {
  readonly name: string
  /** When it was due on all nodes. */
  readonly dueMs: number
}

/** How much later than others this node begins with what is due, ms: a share of the jitter that its id decides. */
export function delayOf(
  { name, jitterMs }: Pick<Schedule, 'name' | 'jitterMs'>,
  self: string,
): number {
  let hash = 0x811c9dc5
  for (const character of `${self}/${name}`) {
    hash = Math.imul(hash ^ (character.codePointAt(0) ?? 0), 0x01000193)
  }
  // The last steps of the hash alone would tell ids that end alike by little.
  hash = Math.imul(hash ^ (hash >>> 15), 0x2c1b3c6d)
  return Math.floor((((hash ^ (hash >>> 12)) >>> 0) / 2 ** 32) * jitterMs)
}

/**
 * The newest time that is due and was not dealt with, however many were missed before it.
 *
 * @param at.lastMs all that was due until then is dealt with
 * @param at.delayMs of this node
 */
export function newestDue(
  { times, sinceMs }: Pick<Schedule, 'times' | 'sinceMs'>,
  at: { readonly nowMs: number; readonly lastMs: number; readonly delayMs: number },
): number | undefined {
  const dueMs = times.until(at.nowMs - at.delayMs)
  const isNew = dueMs !== undefined && dueMs > Math.max(at.lastMs, sinceMs)
  return isNew ? dueMs : undefined
}

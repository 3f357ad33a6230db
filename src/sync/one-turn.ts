import type { Timers } from '../ports/timers.ts'

/** How long one node may keep this one busy at a time, ms: others wait for their turn. */
export const turnMs = 120_000

/** Runs work under a signal that ends with the given one, or when the turn is over. */
export async function inOneTurn<T>(
  timers: Timers,
  given: AbortSignal,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const over = new AbortController()
  const cancel = timers.after(turnMs, () => over.abort(new Error('its turn is over')))
  try {
    return await work(AbortSignal.any([given, over.signal]))
  } finally {
    cancel()
  }
}

import type { UpstreamFailure } from '../../ports/errors.ts'
import type { Schedule } from './probe.ts'
import { createRace } from './race.ts'

/** Asking one endpoint of several. */
export interface Candidate<T> {
  /** Why it is not asked; such a one is passed over. */
  readonly refusal: UpstreamFailure | undefined
  readonly ask: () => Promise<T>
}

/**
 * Asks endpoints in order until one answers. The next one starts when the one before fails, whatever it says (an earlier endpoint may
 * just not have what the registry itself has), or when it is silent for `staggerMs`; who answers first is believed. When nobody does,
 * the last one's failure is the answer: it is the registry itself.
 *
 * @param drop gets the answers of those who come second
 */
export async function askInOrder<T>(
  schedule: Schedule,
  candidates: readonly Candidate<T>[],
  staggerMs: number,
  drop?: ((answer: T) => void) | undefined,
): Promise<T> {
  const able = candidates.filter(({ refusal }) => refusal === undefined)
  const lastRefusal = candidates.at(-1)?.refusal
  if (able.length === 0) throw lastRefusal
  const race = createRace<T>(drop, 'last')
  let next = 0
  let cancel = (): void => {}

  function startNext(): void {
    cancel()
    const candidate = able[next]
    if (candidate === undefined || race.isOver()) return
    next += 1
    const index = next
    // Only the latest one's failure hurries the next: with it all before have failed or were passed by.
    race.add(candidate.ask(), () => {
      if (index === next || race.running() === 0) startNext()
    })
    if (next < able.length) cancel = schedule(staggerMs, startNext)
  }

  startNext()
  try {
    return await race.outcome
  } catch (error) {
    throw lastRefusal ?? error
  } finally {
    cancel()
  }
}

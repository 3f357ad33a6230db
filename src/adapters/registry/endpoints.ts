import type { UpstreamFailure } from '../../ports/errors.ts'
import type { Schedule } from './probe.ts'
import { createRace } from './race.ts'

/** Asking one endpoint of several. */
export interface Candidate<T> {
  /** Why it is not asked; such a one is passed over. */
  readonly refusal: UpstreamFailure | undefined
  /** Those with the smallest go first, in their order. */
  readonly lastBroke: number
  readonly ask: () => Promise<T>
}

/**
 * Asks endpoints in order until one answers. The next one starts when the one before fails, whatever it says (an earlier endpoint may
 * just not have what the registry itself has), or when it is silent for `staggerMs`; who answers first is believed. When nobody does,
 * the failure of the last one given is the answer: it is the registry itself.
 *
 * @param drop gets the answers of those who come second
 */
export async function askInOrder<T>(
  schedule: Schedule,
  candidates: readonly Candidate<T>[],
  staggerMs: number,
  drop?: ((answer: T) => void) | undefined,
): Promise<T> {
  const able = candidates
    .filter(({ refusal }) => refusal === undefined)
    .sort((one, other) => one.lastBroke - other.lastBroke)
  const owner = candidates.at(-1)
  let ownersFailure: unknown = owner?.refusal
  if (able.length === 0) throw ownersFailure
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
    race.add(ask(candidate), () => {
      if (index === next || race.running() === 0) startNext()
    })
    if (next < able.length) cancel = schedule(staggerMs, startNext)
  }

  async function ask(candidate: Candidate<T>): Promise<T> {
    try {
      return await candidate.ask()
    } catch (error) {
      if (candidate === owner) ownersFailure = error
      throw error
    }
  }

  startNext()
  try {
    return await race.outcome
  } catch (error) {
    throw ownersFailure ?? error
  } finally {
    cancel()
  }
}

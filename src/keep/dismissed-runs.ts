import type { SaidWord } from '../ports/word-book.ts'
import { readObject, type WarmJob } from './warm-job.ts'
import { readRunId } from './warm-schedule.ts'

/** What the register of a run says once it is no longer listed, on any node, although all go on working it out. */
export const dismissal = JSON.stringify({ isDismissed: true })

/** Ids of the runs of which that was said. */
export const dismissedRuns = (words: readonly SaidWord[]): ReadonlySet<string> =>
  new Set(words.filter(isDismissal).map(({ key }) => key))

const isDismissal = ({ key, value }: SaidWord): boolean =>
  readRunId(key) !== undefined && readObject(value ?? '')?.['isDismissed'] === true

/** What an operator said of a run, that it is called off or no longer listed, counts before what each node works out. */
export function withRuns(
  said: readonly WarmJob[],
  runs: readonly WarmJob[],
  dismissed: ReadonlySet<string>,
): readonly WarmJob[] {
  const ids = new Set(said.map(({ id }) => id))
  return [...said, ...runs.filter(({ id }) => !ids.has(id) && !dismissed.has(id))]
}

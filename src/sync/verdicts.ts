import type { Verdict } from '../ports/bus.ts'
import type { RecordOutcome } from '../ports/record-store.ts'

/** What an outcome says of who handed the record on. No sound node hands on what it has not verified. */
const verdicts = {
  applied: 'accept',
  known: 'accept',
  quarantined: 'ignore',
  'too-old': 'ignore',
  'no-operator': 'ignore',
  version: 'ignore',
  signature: 'reject',
  'too-large': 'reject',
  malformed: 'reject',
  cluster: 'reject',
} as const satisfies Record<RecordOutcome, Verdict>

/** Whether any of these records came from a node that is not sound. */
export const isFoul = (outcomes: readonly RecordOutcome[]): boolean =>
  outcomes.some(outcome => verdicts[outcome] === 'reject')

/** The verdict over a whole message: as bad as its worst record, else worth handing on when any of them is. */
export function verdictOf(outcomes: readonly RecordOutcome[]): Verdict {
  if (isFoul(outcomes)) return 'reject'
  return outcomes.some(outcome => verdicts[outcome] === 'accept') ? 'accept' : 'ignore'
}

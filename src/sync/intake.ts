import { markOf } from '../ledger/leaf.ts'
import type { SignedRecord } from '../ledger/record.ts'
import type { NodeId } from '../ports/node-id.ts'
import type { LeafRecords, RecordOutcome, RecordStore } from '../ports/record-store.ts'
import type { Refusals } from './refusals.ts'
import type { Strikes } from './strikes.ts'
import { isFoul } from './verdicts.ts'

/** Takes records that another node gave in a catch-up, and remembers what was not taken. */
export interface Intake {
  readonly refusals: Refusals
  /** How many were news. Rejects with `ledger-unusable`. */
  take(leaves: readonly LeafRecords[], from: NodeId): Promise<number>
}

/** Called with records that others gave, and what became of each. */
export type OnTaken = (outcomes: readonly RecordOutcome[], records: readonly SignedRecord[]) => void

/** Outcomes of records whose signature was found good. */
const verified: ReadonlySet<RecordOutcome> = new Set([
  'known',
  'quarantined',
  'too-old',
  'no-operator',
])

/** Takes them into one store. */
export function createIntake(parts: {
  readonly store: RecordStore
  readonly refusals: Refusals
  readonly strikes: Strikes
  readonly onTaken: OnTaken
}): Intake {
  const { refusals } = parts

  function refuse(leaf: number, signed: SignedRecord, outcome: RecordOutcome, from: NodeId): void {
    if (outcome === 'applied') return
    refusals.add(leaf, markOf(signed), verified.has(outcome) ? undefined : from)
  }

  return {
    refusals,
    async take(leaves, from) {
      const records = leaves.flatMap(({ records }) => records)
      if (records.length === 0) return 0
      const leafOf = leaves.flatMap(({ leaf, records }) => records.map(() => leaf))
      const outcomes = await parts.store.apply(records)
      parts.onTaken(outcomes, records)
      if (isFoul(outcomes)) parts.strikes.add(from)
      for (const [i, signed] of records.entries()) {
        refuse(leafOf[i] ?? 0, signed, outcomes[i] ?? 'known', from)
      }
      return outcomes.filter(outcome => outcome === 'applied').length
    },
  }
}

import type { Observation } from '../ports/tag-ledger.ts'
import type { Confirmed } from './ask-upstream.ts'

/** What is remembered of one key, read once and kept until the ledger changes it. */
export interface KeyMemory {
  readonly live: Observation | undefined
  /** Newest first, the live one included. Read when first needed: the common answer does without. */
  readonly history: () => readonly Observation[]
}

/** This node's last confirmation of a tag by its owner, on the clock that never jumps. */
export interface Confirmation {
  readonly confirmed: Confirmed
  readonly atMonotonicMs: number
}

import type { Exclusions } from './key-state.ts'
import type { ObservationSource, RecordTarget } from './record.ts'
import type { Stamp } from './stamp.ts'

/** One thing that happens to one key. Times in ms since the epoch; `atMs` is trusted time. */
export type KeyOperation = { readonly atMs: number } & (
  | {
      readonly type: 'upstream'
      readonly target: RecordTarget
      /** The stamp that was live when the question was sent. */
      readonly asked: Stamp | undefined
      /** A later question of this node was answered before: this answer may be remembered, but no longer decides. */
      readonly isLate: boolean
      /** The wall part of a new record: see {@link answerTime}. */
      readonly wallMs: number
      /** Stamps beyond this are not believed, hence not built upon. */
      readonly believeUntilMs: number
    }
  | {
      readonly type: 'local'
      readonly target: RecordTarget
      readonly source: Exclude<ObservationSource, 'upstream'>
      readonly believeUntilMs: number
    }
  | {
      readonly type: 'pin'
      readonly target: RecordTarget
      readonly note: string | undefined
      readonly author: string | undefined
      readonly expiresAtMs: number | undefined
      readonly believeUntilMs: number
    }
  | {
      readonly type: 'unpin'
      readonly author: string | undefined
      readonly believeUntilMs: number
    }
  | {
      /** What was observed until now is no longer answered with, on any node. */
      readonly type: 'forget'
      readonly author: string | undefined
      readonly note: string | undefined
      readonly believeUntilMs: number
    }
  | { readonly type: 'use' }
  | {
      /** Says again what the tag's owner confirmed later than what stands now. */
      readonly type: 'reaffirm'
      readonly believeUntilMs: number
    }
  | { readonly type: 'held'; readonly target: RecordTarget }
)

/** An operation of one type. */
export type Operation<T extends KeyOperation['type']> = Extract<KeyOperation, { readonly type: T }>

/** Who decides, and whom he does not believe. */
export interface Decider {
  /** This node's public key, hex. */
  readonly origin: string
  readonly exclusions: Exclusions
}

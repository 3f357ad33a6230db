import type { KeyState } from './key-state.ts'
import { mergeRecords } from './merge.ts'
import type { LedgerRecord, Stamp } from './record.ts'

/** Trusted time moved by more than is believed ahead of it. ms. */
export interface Correction {
  /** The new trusted time. */
  readonly nowMs: number
  /** How far the old one was ahead of it; negative when behind. */
  readonly errorMs: number
  /** Local times at or after this, in the old time, carry the error. */
  readonly sinceMs: number
  /** Stamps beyond this were given under a wrong clock. */
  readonly believeUntilMs: number
}

/** An own record as it would have been stamped under the right clock; unsigned. */
export function correctRecord(record: LedgerRecord, by: Correction): LedgerRecord {
  const { over } = record.details
  const isOverAhead = over !== undefined && over.wallMs > by.believeUntilMs
  return {
    ...record,
    stamp: correctStamp(record.stamp, by),
    details: isOverAhead ? { ...record.details, over: correctStamp(over, by) } : record.details,
    signed: undefined,
  }
}

function correctStamp({ wallMs, counter }: Stamp, by: Correction): Stamp {
  return { wallMs: Math.max(0, Math.min(wallMs - by.errorMs, by.nowMs)), counter }
}

/** A key's observations as they will be once the writer put them right: own ones corrected, others set aside. */
export function correctObservations(state: KeyState, by: Correction, origin: string): KeyState {
  const isAhead = (record: LedgerRecord) => record.stamp.wallMs > by.believeUntilMs
  if (!state.observations.some(isAhead)) return state
  const kept = state.observations.filter(record => !isAhead(record) || record.origin === origin)
  const corrected = kept.map(record => (isAhead(record) ? correctRecord(record, by) : record))
  return { ...state, observations: mergeRecords(corrected, []) }
}

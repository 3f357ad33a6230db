import type { Sighting } from './history.ts'
import type { KeyState } from './key-state.ts'
import { mergeRecords } from './merge.ts'
import { endedBy } from './pin.ts'
import type { LedgerRecord } from './record.ts'
import type { Stamp } from './stamp.ts'

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

/** A time this node noted, put right when it was noted with the error. */
function correctLocal(ms: number, by: Correction): number {
  return ms < by.sinceMs ? ms : Math.min(ms - by.errorMs, by.nowMs)
}

/** A key put right: own records corrected, others' set aside, local times shifted. Other nodes' pins stay in force. */
export function correctState(state: KeyState, by: Correction, origin: string): KeyState {
  const register = (records: readonly LedgerRecord[]) => correctRegister(records, by, origin)
  return {
    ...state,
    observations: register(state.observations),
    pins: register(state.pins),
    uses: register(state.uses),
    forgets: register(state.forgets),
    sightings: state.sightings.map(sighting => correctSighting(sighting, by)),
  }
}

function correctRegister(
  records: readonly LedgerRecord[],
  by: Correction,
  origin: string,
): readonly LedgerRecord[] {
  const isAhead = (record: LedgerRecord) => record.stamp.wallMs > by.believeUntilMs
  if (!records.some(isAhead)) return records
  const ended = records.flatMap(r => endedBy(r, records, by.believeUntilMs))
  const kept = records.filter(
    r => !isAhead(r) || r.origin === origin || (r.kind === 'pin' && !ended.includes(r)),
  )
  const corrected = kept.map(record =>
    isAhead(record) && record.origin === origin ? correctRecord(record, by) : record,
  )
  return mergeRecords(corrected, [])
}

function correctSighting(sighting: Sighting, by: Correction): Sighting {
  const { stamp, firstSeenMs, lastSeenMs, confirmedMs } = sighting
  return {
    ...sighting,
    stamp: stamp.wallMs > by.believeUntilMs ? correctStamp(stamp, by) : stamp,
    firstSeenMs: correctLocal(firstSeenMs, by),
    lastSeenMs: correctLocal(lastSeenMs, by),
    confirmedMs: confirmedMs === undefined ? undefined : correctLocal(confirmedMs, by),
  }
}

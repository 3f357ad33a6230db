import type { LedgerRecord, ObservationSource, RecordTarget } from './record.ts'
import type { Stamp } from './stamp.ts'

/** What a node says of a tag, before it signs it. */
export function observation(
  key: string,
  target: RecordTarget,
  source: ObservationSource,
  origin: string,
  stamp: Stamp,
): LedgerRecord {
  return {
    kind: 'observation',
    key,
    target,
    stamp,
    source,
    origin,
    removed: false,
    details: {},
    signed: undefined,
  }
}

/** A record of a kind that has no source: pins, uses, and what operators say. */
export function operatorRecord(
  kind: LedgerRecord['kind'],
  key: string,
  target: RecordTarget | undefined,
  origin: string,
  stamp: Stamp,
  removed: boolean,
  details: LedgerRecord['details'],
): LedgerRecord {
  return {
    kind,
    key,
    target,
    stamp,
    source: undefined,
    origin,
    removed,
    details,
    signed: undefined,
  }
}

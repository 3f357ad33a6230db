import { compareRecords, type LedgerRecord } from './record.ts'

/** How many origins' newest records a register keeps: a ban of the newest must find a good one behind it. */
export const maxOrigins = 3

/**
 * One register (records of one key and kind) after more records came: the newest of each origin, the newest three of these,
 * newest first. Commutative, associative, idempotent: an origin that is cut here is older than three others, and their newest
 * only get newer.
 */
export function mergeRecords(
  held: readonly LedgerRecord[],
  incoming: readonly LedgerRecord[],
): readonly LedgerRecord[] {
  const newest = new Map<string, LedgerRecord>()
  for (const record of [...held, ...incoming]) {
    const known = newest.get(record.origin)
    if (known === undefined || compareRecords(record, known) > 0) newest.set(record.origin, record)
  }
  return [...newest.values()].sort((a, b) => compareRecords(b, a)).slice(0, maxOrigins)
}

/** Whether two records of one origin and stamp say different things: its key is used twice, or it lies. */
export function isEquivocation(a: LedgerRecord, b: LedgerRecord): boolean {
  return (
    a.origin === b.origin &&
    a.stamp.wallMs === b.stamp.wallMs &&
    a.stamp.counter === b.stamp.counter &&
    a.target?.digest !== b.target?.digest
  )
}

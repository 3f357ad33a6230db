import { type Correction, correctRecord } from '../../ledger/correct.ts'
import { decodeRecord } from '../../ledger/encode-record.ts'
import { endedBy } from '../../ledger/pin.ts'
import type { LedgerRecord, SignedRecord } from '../../ledger/record.ts'
import type { RecordApplier } from './apply-records.ts'
import type { Connection } from './database.ts'
import { type RecordRow, recordColumns, recordOf } from './record-row.ts'
import type { RecordWriter } from './write-record.ts'

/** Puts right what was written under a wrong clock; call inside a transaction. Returns what it changed. */
export type CorrectTime = (correction: Correction) => readonly LedgerRecord[]

/**
 * Own records too far ahead are signed again at corrected time. Other nodes' wait in the quarantine, except pins, which stay in force:
 * their origin will sign them again itself. What this node noted as its own local times is shifted.
 */
export function createCorrectTime(
  db: Connection,
  parts: {
    readonly records: RecordWriter
    readonly applier: RecordApplier
    readonly origin: string
    readonly clusterId: string
  },
): CorrectTime {
  const ahead = db.prepare<[number], { body: Buffer; signature: Buffer }>(
    'SELECT body, signature FROM record WHERE wall_ms > ? ORDER BY wall_ms, counter',
  )
  const pins = db.prepare<[string], RecordRow>(
    `SELECT ${recordColumns} FROM record WHERE key = ? AND kind = 2`,
  )
  const shift = ['first_seen_ms', 'last_seen_ms', 'confirmed_ms'].map(column =>
    db.prepare(
      `UPDATE sighting SET ${column} = min(${column} - @errorMs, @nowMs) WHERE ${column} >= @sinceMs`,
    ),
  )
  const restampSighting = db.prepare(
    `UPDATE sighting SET wall_ms = max(0, min(wall_ms - @errorMs, @nowMs))
     WHERE wall_ms > @believeUntilMs`,
  )

  function correct(record: LedgerRecord & { readonly signed: SignedRecord }, by: Correction): void {
    parts.records.remove(record)
    if (record.origin !== parts.origin) {
      parts.applier.quarantine(record)
      return
    }
    parts.records.put(parts.records.sign(correctRecord(record, by)))
  }

  /** Whether a believed pin beside it was set over it. */
  function isEnded(pin: LedgerRecord, believeUntilMs: number): boolean {
    return pins
      .all(pin.key)
      .map(recordOf)
      .some(other => endedBy(other, [pin], believeUntilMs).length > 0)
  }

  /** Whether anything was to be put right. */
  function putRight(
    record: LedgerRecord & { readonly signed: SignedRecord },
    by: Correction,
  ): boolean {
    const isOthersPin = record.kind === 'pin' && record.origin !== parts.origin
    if (!isOthersPin) correct(record, by)
    else if (isEnded(record, by.believeUntilMs)) parts.records.remove(record)
    else return false
    return true
  }

  return correction => {
    const changed: LedgerRecord[] = []
    for (const signed of ahead.all(correction.believeUntilMs)) {
      const record = decodeRecord(signed, parts.clusterId)
      if (typeof record === 'string') continue
      if (putRight({ ...record, signed }, correction)) changed.push(record)
    }
    for (const statement of [...shift, restampSighting]) statement.run({ ...correction })
    return changed
  }
}

import { decodeRecord, kindNumbers } from '../../ledger/encode-record.ts'
import { sightingOf } from '../../ledger/history.ts'
import { endedBy } from '../../ledger/pin.ts'
import { isOperatorKind, type LedgerRecord, type SignedRecord } from '../../ledger/record.ts'
import type { RecordOutcome } from '../../ports/record-store.ts'
import type { Connection } from './database.ts'
import { isSignedBy, verifySignature } from './identity.ts'
import { type RecordRow, recordColumns, recordOf } from './record-row.ts'
import type { KeyWriter } from './write-key.ts'
import type { RecordWriter } from './write-record.ts'

/** Rows the quarantine holds at most; beyond it what waits longest for its time goes. */
const maxQuarantined = 10_000

/** A record that parsed and whose signature holds, or why not. */
export type CheckedRecord = (LedgerRecord & { readonly signed: SignedRecord }) | RecordOutcome

/** Parses and verifies, which needs no transaction. Never throws. */
export function checkRecord(signed: SignedRecord, clusterId: string): CheckedRecord {
  const record = decodeRecord(signed, clusterId)
  if (typeof record === 'string') return record
  return isSignedBy(signed, record.origin) ? { ...record, signed } : 'signature'
}

/** Signatures that are checked at once, so that others' files need not wait long for a thread. */
const checkedAtOnce = 32

/** As {@link checkRecord} for many, the signatures beside this thread. Never rejects. */
export async function checkRecords(
  records: readonly SignedRecord[],
  clusterId: string,
): Promise<readonly CheckedRecord[]> {
  const checked: CheckedRecord[] = []
  for (let start = 0; start < records.length; start += checkedAtOnce) {
    const group = records.slice(start, start + checkedAtOnce).map(async signed => {
      const record = decodeRecord(signed, clusterId)
      if (typeof record === 'string') return record
      return (await verifySignature(signed, record.origin)) ? { ...record, signed } : 'signature'
    })
    checked.push(...(await Promise.all(group)))
  }
  return checked
}

/** When records are taken, and from whom. ms since the epoch, trusted time. */
export interface ApplyTime {
  readonly atMs: number
  /** Later ones wait in the quarantine; infinite until trusted time is verified. */
  readonly believeUntilMs: number
  /** Origins whose operators' words count; all when absent. */
  readonly operators?: readonly string[] | undefined
}

/** Takes other nodes' records in; call inside a transaction. */
export interface RecordApplier {
  apply(record: CheckedRecord, time: ApplyTime): RecordOutcome
  /** Keys of which this node confirmed another digest later than what was taken since the last call says. */
  takeBeaten(): readonly string[]
  /** Puts a record aside until its time comes. */
  quarantine(record: LedgerRecord & { readonly signed: SignedRecord }): void
  /** Takes what the quarantine held until now. Returns what was news. */
  release(time: ApplyTime): readonly LedgerRecord[]
}

/** Prepares the quarantine and ties the writers together. */
export function createRecordApplier(
  db: Connection,
  parts: {
    readonly records: RecordWriter
    readonly keys: KeyWriter
    readonly clusterId: string
    readonly horizonMs: () => number
  },
): RecordApplier {
  const hold = db.prepare(
    `INSERT INTO quarantine (key, kind, origin, wall_ms, body, signature) VALUES (?, ?, ?, ?, ?, ?)
     ON CONFLICT (key, kind, origin) DO UPDATE SET wall_ms = excluded.wall_ms, body = excluded.body,
       signature = excluded.signature WHERE excluded.wall_ms > wall_ms`,
  )
  const shed = db.prepare(
    `DELETE FROM quarantine WHERE (key, kind, origin) IN
     (SELECT key, kind, origin FROM quarantine ORDER BY wall_ms LIMIT -1 OFFSET ${maxQuarantined})`,
  )
  const due = db.prepare<[number], { body: Buffer; signature: Buffer }>(
    'SELECT body, signature FROM quarantine WHERE wall_ms <= ?',
  )
  const drop = db.prepare('DELETE FROM quarantine WHERE wall_ms <= ?')

  const aheadPins = db.prepare<[string, number], RecordRow>(
    `SELECT ${recordColumns} FROM record WHERE key = ? AND kind = 2 AND wall_ms > ?`,
  )
  const newestUse = db
    .prepare<[string], number | null>('SELECT max(wall_ms) FROM record WHERE key = ? AND kind = 4')
    .pluck()

  let beaten: string[] = []

  function quarantine(record: LedgerRecord & { readonly signed: SignedRecord }): void {
    const { key, kind, origin, stamp, signed } = record
    hold.run(key, kindNumbers[kind], origin, stamp.wallMs, signed.body, signed.signature)
    shed.run()
  }

  function apply(record: CheckedRecord, time: ApplyTime): RecordOutcome {
    if (typeof record === 'string') return record
    if (isOperatorKind(record.kind) && time.operators?.includes(record.origin) === false) {
      return 'no-operator'
    }
    if (record.stamp.wallMs > time.believeUntilMs) {
      quarantine(record)
      return 'quarantined'
    }
    if (isTooOld(record)) return 'too-old'
    endAhead(record, time.believeUntilMs)
    if (!parts.records.put(record)) return 'known'
    remember(record, time.atMs)
    return 'applied'
  }

  function endAhead(record: LedgerRecord, believeUntilMs: number): void {
    if (record.kind !== 'pin' || !Number.isFinite(believeUntilMs)) return
    const held = aheadPins.all(record.key, believeUntilMs).map(recordOf)
    for (const ended of endedBy(record, held, believeUntilMs)) parts.records.remove(ended)
  }

  function remember(record: LedgerRecord, atMs: number): void {
    if (record.kind === 'forget' && parts.keys.isKnownBetter(record.key)) beaten.push(record.key)
    if (record.kind !== 'observation' || record.target === undefined) return
    const seen = sightingOf(record, record.target, atMs, undefined)
    if (parts.keys.remember(record.key, seen)) beaten.push(record.key)
  }

  /** What this node would forget at once must not come back, or two nodes send it to each other for ever. */
  function isTooOld({ key, kind, stamp }: LedgerRecord): boolean {
    const horizonMs = parts.horizonMs()
    if (stamp.wallMs >= horizonMs || isOperatorKind(kind)) return false
    return kind === 'use' || (newestUse.get(key) ?? 0) < horizonMs
  }

  return {
    apply,
    quarantine,
    takeBeaten() {
      const taken = beaten
      beaten = []
      return taken
    },
    release(time) {
      const waited = due.all(time.believeUntilMs).map(row => checkRecord(row, parts.clusterId))
      drop.run(time.believeUntilMs)
      const records = waited.filter(record => typeof record !== 'string')
      return records.filter(record => apply(record, time) === 'applied')
    },
  }
}

/** Uses first: a node that holds an old image sends its use with it, and the use says that it is not too old. */
export function usesFirst(records: readonly CheckedRecord[]): readonly number[] {
  const isUse = (i: number): number => {
    const record = records[i]
    return typeof record === 'object' && record.kind === 'use' ? 0 : 1
  }
  return [...records.keys()].sort((a, b) => isUse(a) - isUse(b))
}

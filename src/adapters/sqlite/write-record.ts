import type { KeyObject } from 'node:crypto'
import { encodeRecord, kindNumbers } from '../../ledger/encode-record.ts'
import { isEquivocation, maxOrigins } from '../../ledger/merge.ts'
import { isConcurrentPin } from '../../ledger/pin.ts'
import {
  compareRecords,
  isOperatorKind,
  type LedgerRecord,
  type SignedRecord,
} from '../../ledger/record.ts'
import { compareStamps, newestStamp, type Stamp } from '../../ledger/stamp.ts'
import type { Log } from '../../ports/log.ts'
import type { Connection } from './database.ts'
import { signBody } from './identity.ts'
import { newestFirst } from './read-key.ts'
import { type RecordRow, recordColumns, recordParameters } from './record-row.ts'
import { leafOf, registerNumber } from './registers.ts'

/** Pins and removals remembered per key. */
const keptPins = 100

/** Puts records into their registers; call inside a transaction. */
export interface RecordWriter {
  /** Signs a record of this node's. */
  sign(record: LedgerRecord): LedgerRecord & { readonly signed: SignedRecord }
  /** Whether it is in its register now and was not before. */
  put(record: LedgerRecord & { readonly signed: SignedRecord }): boolean
  /** Takes this origin's record out of its register. */
  remove(record: Pick<LedgerRecord, 'key' | 'kind' | 'origin'>): void
  /** What operators said since the last call, for the pin journal. */
  takeOperatorRecords(): readonly SignedRecord[]
  /** What was put or removed since the last call. */
  takeWritten(): Written
}

/** What a transaction did to the registers. */
export interface Written {
  /** Records that this node signed. */
  readonly own: readonly SignedRecord[]
  /** Leaves of the fingerprint in which anything changed. */
  readonly leaves: ReadonlySet<number>
}

/** Prepares the statements that write `record` and `pin_history`. */
export function createRecordWriter(
  db: Connection,
  signer: { readonly privateKey: KeyObject; readonly clusterId: string; readonly log: Log },
): RecordWriter {
  const register = db.prepare<[string, number], RecordRow>(
    `SELECT ${recordColumns} FROM record WHERE key = ? AND kind = ?`,
  )
  // The same order as compareRecords within one origin; a test holds the two equal.
  const upsert = db.prepare(
    `INSERT INTO record (${recordColumns}, body, signature, register)
     VALUES (@key, @kind, @origin, @wall_ms, @counter, @digest, @media_type, @size, @source, @removed, @details, @body, @signature, @register)
     ON CONFLICT (key, kind, origin) DO UPDATE SET
       wall_ms = excluded.wall_ms, counter = excluded.counter, digest = excluded.digest, media_type = excluded.media_type,
       size = excluded.size, source = excluded.source, removed = excluded.removed, details = excluded.details,
       body = excluded.body, signature = excluded.signature
     WHERE (excluded.wall_ms, excluded.counter, excluded.digest, excluded.body) > (wall_ms, counter, digest, body)`,
  )
  const prune = db.prepare(
    `DELETE FROM record WHERE id IN (SELECT id FROM record WHERE key = ? AND kind = ?
      ORDER BY wall_ms DESC, counter DESC, origin DESC, digest DESC LIMIT -1 OFFSET ${maxOrigins})`,
  )
  const dropHeld = db.prepare('DELETE FROM held_by_clients WHERE key = ?')
  const remove = db.prepare('DELETE FROM record WHERE key = ? AND kind = ? AND origin = ?')
  const notePin = db.prepare(
    `INSERT OR IGNORE INTO pin_history (key, wall_ms, counter, origin, digest, note, author, expires_ms, is_conflict)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`,
  )
  const lastPinBefore = db.prepare<[string, number, number, string, string], Stamp>(
    `SELECT wall_ms AS wallMs, counter FROM pin_history WHERE key = ? AND (wall_ms, counter, origin) < (?, ?, ?) AND origin <> ?
      ORDER BY wall_ms DESC, counter DESC, origin DESC LIMIT 1`,
  )
  const markConflict = db.prepare(
    'UPDATE pin_history SET is_conflict = 1 WHERE key = ? AND wall_ms = ? AND counter = ? AND origin = ?',
  )
  const trimPins = db.prepare(
    `DELETE FROM pin_history WHERE key = ? AND (wall_ms, counter) < (SELECT wall_ms, counter FROM pin_history
      WHERE key = ? ORDER BY wall_ms DESC, counter DESC LIMIT 1 OFFSET ${keptPins - 1})`,
  )
  let operatorRecords: SignedRecord[] = []
  /** Own records that came back from others are no news to them. */
  const signedHere = new WeakSet<SignedRecord>()
  let own: SignedRecord[] = []
  let leaves = new Set<number>()

  /** Whichever of two arrives first: the later of them is the one that was set without knowing of the other. */
  function rememberPin(pin: LedgerRecord, held: readonly LedgerRecord[]): void {
    const others = held.filter(({ origin }) => origin !== pin.origin)
    const after = others.findLast(other => compareRecords(other, pin) > 0)
    const isConflict = isConcurrentPin(pin, pinBefore(pin, others))
    const isMissed = after !== undefined && isConcurrentPin(after, pin.stamp)
    const { changes } = notePin.run(...eventOf(pin), isConflict ? 1 : 0)
    if (isMissed) markConflict.run(pin.key, after.stamp.wallMs, after.stamp.counter, after.origin)
    trimPins.run(pin.key, pin.key)
    if (changes > 0 && (isConflict || isMissed))
      signer.log.warn({ ref: pin.key }, 'two pins were set without knowing each other')
  }

  /** Of other origins' pins that are in force somewhere and those that are remembered, the last one before this. */
  function pinBefore({ key, stamp, origin }: LedgerRecord, others: readonly LedgerRecord[]) {
    const earlier = [
      lastPinBefore.get(key, stamp.wallMs, stamp.counter, origin, origin),
      others.find(other => compareStamps(other.stamp, stamp) < 0)?.stamp,
    ]
    return newestStamp(earlier.filter(one => one !== undefined))
  }

  function watch(held: LedgerRecord, record: LedgerRecord): void {
    if (!isEquivocation(held, record)) return
    const { key, origin } = record
    const digests = [held.target?.digest, record.target?.digest]
    signer.log.error({ ref: key, origin, digests }, 'one node signed two digests under one stamp')
  }

  function upsertRow(record: LedgerRecord & { readonly signed: SignedRecord }): boolean {
    const { signed } = record
    const number = registerNumber(record)
    const row = { ...recordParameters(record), ...signed, register: number }
    if (upsert.run(row).changes === 0) return false
    leaves.add(leafOf(number))
    if (signedHere.has(signed)) own.push(signed)
    if (isOperatorKind(record.kind)) operatorRecords.push(signed)
    return true
  }

  return {
    sign(record) {
      const body = encodeRecord(record, signer.clusterId)
      const signed = { body, signature: signBody(body, signer.privateKey) }
      signedHere.add(signed)
      return { ...record, signed }
    },
    put(record) {
      const { key, kind, origin } = record
      const held = newestFirst(register.all(key, kindNumbers[kind]))
      const before = held.find(other => other.origin === origin)
      if (before !== undefined) watch(before, record)
      if (kind === 'pin') rememberPin(record, held)
      if (isCut(held, record)) return false
      if (!upsertRow(record)) return false
      if (kind === 'forget') dropHeld.run(key)
      if (held.length === maxOrigins) prune.run(key, kindNumbers[kind])
      return true
    },
    remove({ key, kind, origin }) {
      leaves.add(leafOf(registerNumber({ key, kind })))
      remove.run(key, kindNumbers[kind], origin)
    },
    takeOperatorRecords() {
      const taken = operatorRecords
      operatorRecords = []
      return taken
    },
    takeWritten() {
      const taken = { own, leaves }
      own = []
      leaves = new Set()
      return taken
    },
  }
}

/** What is remembered of a pin, in the order of its columns. */
const eventOf = ({ key, stamp, origin, target, details }: LedgerRecord) => [
  key,
  stamp.wallMs,
  stamp.counter,
  origin,
  target?.digest ?? '',
  details.note ?? null,
  details.author ?? null,
  details.expiresAtMs ?? null,
]

/** Whether a record of one more origin is older than the newest of three others: cut at once, it is not told on either. */
function isCut(held: readonly LedgerRecord[], record: LedgerRecord): boolean {
  const last = held[maxOrigins - 1]
  if (last === undefined || held.some(other => other.origin === record.origin)) return false
  return compareRecords(record, last) < 0
}

import { kindNumbers } from '../../ledger/encode-record.ts'
import { emptyKeyState, type KeyState } from '../../ledger/key-state.ts'
import { compareRecords, type LedgerRecord, type RecordKind } from '../../ledger/record.ts'
import type { Digest } from '../../oci/digest.ts'
import type { Connection } from './database.ts'
import {
  type RecordRow,
  recordColumns,
  recordOf,
  type SightingRow,
  sightingOfRow,
} from './record-row.ts'

/** Reads one key's state. */
export interface KeyReader {
  /** Everything: for writing. */
  read(key: string): KeyState
  /** Only what an observation's readers need: for point reads. */
  readObservations(key: string): KeyState
  readPins(key: string): KeyState
  newestUseMs(key: string): number | undefined
  held(key: string): KeyState['held']
}

/** Rows as records, newest first. Sorted here: SQLite sets a sorter up for as much as the whole read costs. */
export function newestFirst(rows: readonly RecordRow[]): readonly LedgerRecord[] {
  const records = rows.map(recordOf)
  return records.length < 2 ? records : records.sort((a, b) => compareRecords(b, a))
}

/** Prepares the point reads of one connection. */
export function createKeyReader(db: Connection): KeyReader {
  const registers = db.prepare<[string], RecordRow>(
    `SELECT ${recordColumns} FROM record WHERE key = ? AND kind IN (1, 2, 4, 9)`,
  )
  const register = db.prepare<[string, number], RecordRow>(
    `SELECT ${recordColumns} FROM record WHERE key = ? AND kind = ?`,
  )
  const observed = db.prepare<[string], RecordRow>(
    `SELECT ${recordColumns} FROM record WHERE key = ? AND kind IN (1, 9)`,
  )
  const sightings = db.prepare<[string], SightingRow>('SELECT * FROM sighting WHERE key = ?')
  const newestUse = db
    .prepare<[string], number | null>('SELECT max(wall_ms) FROM record WHERE key = ? AND kind = 4')
    .pluck()
  const held = db.prepare<[string], { digest: string; media_type: string; size: number }>(
    'SELECT digest, media_type, size FROM held_by_clients WHERE key = ?',
  )

  const readSightings = (key: string) => sightings.all(key).map(sightingOfRow)
  const readHeld = (key: string): KeyState['held'] => {
    const row = held.get(key)
    return row === undefined
      ? undefined
      : { digest: row.digest as Digest, mediaType: row.media_type, size: row.size }
  }

  return {
    read(key) {
      const records = newestFirst(registers.all(key))
      return {
        observations: ofKind(records, 'observation'),
        pins: ofKind(records, 'pin'),
        uses: ofKind(records, 'use'),
        forgets: ofKind(records, 'forget'),
        sightings: readSightings(key),
        held: readHeld(key),
      }
    },
    readObservations(key) {
      const rows = observed.all(key)
      if (rows.length === 0) return emptyKeyState
      const records = newestFirst(rows)
      return {
        ...emptyKeyState,
        observations: ofKind(records, 'observation'),
        forgets: ofKind(records, 'forget'),
        sightings: readSightings(key),
      }
    },
    readPins(key) {
      const rows = register.all(key, kindNumbers.pin)
      return rows.length === 0 ? emptyKeyState : { ...emptyKeyState, pins: newestFirst(rows) }
    },
    newestUseMs: key => newestUse.get(key) ?? undefined,
    held: readHeld,
  }
}

const ofKind = (records: readonly LedgerRecord[], kind: RecordKind): readonly LedgerRecord[] =>
  records.filter(record => record.kind === kind)

import type { Sighting } from '../../ledger/history.ts'
import type { Decider, KeyOperation } from '../../ledger/key-operation.ts'
import { applyChange, type KeyChange, type KeyState, liveRecord } from '../../ledger/key-state.ts'
import { beatenConfirmation } from '../../ledger/observe.ts'
import { decide } from '../../ledger/operation.ts'
import { compareStamps } from '../../ledger/stamp.ts'
import type { Connection } from './database.ts'
import { createKeyReader } from './read-key.ts'
import { sightingParameters } from './record-row.ts'
import type { RecordWriter } from './write-record.ts'

/** Carries out what happens to keys; call inside a transaction. */
export interface KeyWriter {
  write(key: string, operation: KeyOperation): void
  /**
   * Writes a sighting beside a foreign record that was put. Says whether that record stands now although this node confirmed another
   * digest later.
   */
  remember(key: string, sighting: Sighting): boolean
  /** Whether this node confirmed a digest after it was to be forgotten by the newest word on that. */
  isKnownBetter(key: string): boolean
}

/** Prepares reading, deciding and writing of one connection. */
export function createKeyWriter(
  db: Connection,
  records: RecordWriter,
  decider: Decider,
): KeyWriter {
  const reader = createKeyReader(db)
  const putSighting = db.prepare(
    `INSERT OR REPLACE INTO sighting
     (key, digest, origin, media_type, size, source, wall_ms, counter, first_seen_ms, last_seen_ms, confirmed_ms)
     VALUES (@key, @digest, @origin, @media_type, @size, @source, @wall_ms, @counter, @first_seen_ms, @last_seen_ms, @confirmed_ms)`,
  )
  const dropSighting = db.prepare(
    'DELETE FROM sighting WHERE key = ? AND digest = ? AND origin = ?',
  )
  const putHeld = db.prepare(
    'INSERT OR REPLACE INTO held_by_clients (key, digest, media_type, size) VALUES (?, ?, ?, ?)',
  )

  function write(key: string, state: KeyState, change: KeyChange): void {
    for (const ended of change.ended ?? []) records.remove(ended)
    for (const record of change.records ?? []) records.put(records.sign(record))
    if (change.sighting !== undefined) writeSightings(key, state, applyChange(state, change))
    const { held } = change
    if (held !== undefined) putHeld.run(key, held.digest, held.mediaType, held.size)
  }

  function writeSightings(key: string, before: KeyState, after: KeyState): void {
    for (const sighting of after.sightings) {
      if (!before.sightings.includes(sighting)) putSighting.run(sightingParameters(key, sighting))
    }
    for (const old of before.sightings) {
      const isKept = after.sightings.some(
        s => s.origin === old.origin && s.target.digest === old.target.digest,
      )
      if (!isKept) dropSighting.run(key, old.target.digest, old.origin)
    }
  }

  return {
    write(key, operation) {
      const state = reader.read(key)
      const change = decide(state, key, operation, decider)
      if (change !== undefined) write(key, state, change)
    },
    remember(key, sighting) {
      // The record was just put: that much of the key is there.
      const state = reader.readObservations(key)
      writeSightings(key, state, applyChange(state, { sighting }))
      const live = liveRecord(state, decider.exclusions)
      if (live?.origin !== sighting.origin) return false
      if (compareStamps(live.stamp, sighting.stamp) !== 0) return false
      return beatenConfirmation(state, decider) !== undefined
    },
    isKnownBetter: key => beatenConfirmation(reader.readObservations(key), decider) !== undefined,
  }
}

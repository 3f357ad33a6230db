import { join } from 'node:path'
import Database from 'better-sqlite3'
import { type OpenedLedger, openLedger } from '../../../src/adapters/sqlite/open.ts'
import { systemClock } from '../../../src/ports/clock.ts'
import { silentLog } from '../../../src/ports/log.ts'
import type { MeshPlace } from './mesh.ts'

/** Works on the ledger of a node that is stopped as that node itself would: with its key, under its rules. */
export async function withLedger<T>(
  place: MeshPlace,
  work: (opened: OpenedLedger) => Promise<T>,
): Promise<T> {
  const dataDir = join(place.dir, 'data')
  const opened = await openLedger({ dataDir, log: silentLog, clock: systemClock, machine: {} })
  try {
    return await work(opened)
  } finally {
    await opened.close()
  }
}

/** Stamps of the records of a tag, ms since the epoch, newest first. */
export function stampsOf(place: MeshPlace, key: string): number[] {
  const db = openToRead(place)
  try {
    return db
      .prepare<[string], number>('SELECT wall_ms FROM record WHERE key = ? ORDER BY wall_ms DESC')
      .pluck()
      .all(key)
  } finally {
    db.close()
  }
}

const openToRead = (place: MeshPlace): Database.Database =>
  new Database(join(place.dir, 'data', 'ledger.db'), { readonly: true })

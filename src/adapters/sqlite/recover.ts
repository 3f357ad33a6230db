import { chmodSync, copyFileSync, existsSync, renameSync, statSync } from 'node:fs'
import { HoldfastError } from '../../ports/errors.ts'
import type { Log } from '../../ports/log.ts'
import { type Connection, findDamage, isCorruption, openWriter, sqliteCode } from './database.ts'
import { asideName, syncDirectoryOf, syncFile } from './durable-file.ts'
import { type Migration, migrate } from './migrate.ts'
import { fillRegisters } from './registers.ts'
import { listSnapshots, removeDatabase } from './snapshot.ts'

/** How the database came to be there at start. */
export type Recovered = 'fresh' | 'ok' | 'restored-from-snapshot' | 'rebuilt'

interface Opening {
  readonly file: string
  readonly migrations: readonly Migration[]
  readonly log: Log
  readonly nowMs: () => number
}

/**
 * Opens the ledger's database for writing. What cannot be used is moved aside, loudly, and the newest good snapshot takes its place,
 * else an empty database: damage never prevents a start. Throws `ledger-newer` for one that is too new, and SQLite's own error
 * where nothing can be written at all. With `damage` (met while it was in use) the file is not given another chance.
 */
export function openDatabase(
  opening: Opening,
  damage?: unknown,
): { db: Connection; recovered: Recovered } {
  const { file } = opening
  if (existsSync(file)) {
    try {
      if (damage !== undefined)
        throw new DamagedDatabase('it failed while in use', { cause: damage })
      return { db: openSound(opening), recovered: 'ok' }
    } catch (error) {
      if (!isDamage(error)) throw error
      moveAside(opening, error)
    }
    return restore(opening, 'rebuilt')
  }
  // A log without its database: a power cut or a hand took the file.
  if (existsSync(`${file}-wal`))
    moveAside(opening, new Error('the file is missing, its log is there'))
  return restore(opening, 'fresh')
}

class DamagedDatabase extends Error {}

/** `SQLITE_ERROR` is a missing table or column: the file is some other database. */
function isDamage(error: unknown): boolean {
  return (
    error instanceof DamagedDatabase || isCorruption(error) || sqliteCode(error) === 'SQLITE_ERROR'
  )
}

function openSound({ file, migrations, log }: Opening): Connection {
  const stat = statSync(file)
  if (!stat.isFile()) throw new DamagedDatabase('it is not a file')
  if (stat.size === 0) throw new DamagedDatabase('it is empty')
  const db = openWriter(file)
  try {
    // Before migrations touch anything. Reads all of it: some 100 ms for 100 000 tags.
    const damage = findDamage(db)
    if (damage !== undefined) throw new DamagedDatabase(damage)
    migrate(db, migrations, version => {
      const copy = `${file}.v${version}`
      removeDatabase(copy)
      db.prepare('VACUUM INTO ?').run(copy)
      syncFile(copy)
      syncDirectoryOf(copy)
      log.warn(
        { file, copy, version },
        'ledger copied before a migration older versions cannot read',
      )
    })
    fillRegisters(db)
    return db
  } catch (error) {
    db.close()
    throw error
  }
}

function moveAside({ file, log, nowMs }: Opening, error: unknown): void {
  const aside = asideName(file, nowMs())
  log.error({ file, aside, err: error }, 'ledger database cannot be used: moved aside')
  for (const suffix of ['-wal', '-shm', '']) {
    if (existsSync(file + suffix)) renameSync(file + suffix, aside + suffix)
  }
}

function restore(opening: Opening, otherwise: Recovered): { db: Connection; recovered: Recovered } {
  const { file, log } = opening
  for (const snapshot of listSnapshots(file)) {
    try {
      const db = install(opening, temporary => copyFileSync(snapshot, temporary))
      log.error({ file, snapshot }, 'ledger restored from a snapshot: what came after it is gone')
      return { db, recovered: 'restored-from-snapshot' }
    } catch (err) {
      if (!(err instanceof HoldfastError) && !isDamage(err)) throw err
      log.error({ snapshot, err }, 'snapshot cannot be used')
    }
  }
  if (otherwise === 'rebuilt')
    log.error({ file }, 'no snapshot to restore: the ledger starts empty')
  return { db: install(opening, () => {}), recovered: otherwise }
}

/** Makes the database beside its place and moves it there whole, so that an empty file is never a young database. */
function install(opening: Opening, prepare: (temporary: string) => void): Connection {
  const { file, migrations, nowMs, log } = opening
  const temporary = `${file}.new`
  removeDatabase(temporary)
  prepare(temporary)
  const db = openWriter(temporary)
  try {
    const damage = findDamage(db)
    if (damage !== undefined) throw new DamagedDatabase(damage)
    migrate(db, migrations, () => {})
  } finally {
    db.close()
  }
  chmodSync(temporary, 0o600)
  syncFile(temporary)
  for (const suffix of ['-wal', '-shm']) {
    if (existsSync(file + suffix)) renameSync(file + suffix, asideName(file, nowMs()) + suffix)
  }
  renameSync(temporary, file)
  syncDirectoryOf(file)
  return openSound({ file, migrations, log, nowMs })
}

import { readdirSync, readFileSync } from 'node:fs'
import { HoldfastError } from '../../ports/errors.ts'
import type { Connection } from './database.ts'

/** One numbered file of `migrations/`. */
export interface Migration {
  readonly number: number
  /** The oldest version that still reads a database after this migration. */
  readonly minReader: number
  readonly sql: string
}

const directory = new URL('../../../migrations/', import.meta.url)

/** All migrations in order, numbered from 1 on without a gap. Throws when a file's name or first line does not say what it must. */
export function readMigrations(from: URL = directory): readonly Migration[] {
  const files = readdirSync(from).filter(name => name.endsWith('.sql'))
  return files.sort().map((name, at) => {
    const sql = readFileSync(new URL(name, from), 'utf8')
    const number = Number(/^(\d{3})-/.exec(name)?.[1])
    const minReader = Number(/^-- min_reader: (\d+)\n/.exec(sql)?.[1])
    if (!(number > 0 && minReader > 0 && minReader <= number)) {
      throw new Error(`${name}: wants NNN-*.sql with a first line "-- min_reader: N"`)
    }
    // A database that took one of two with the same number would never take the other.
    if (number !== at + 1) throw new Error(`${name}: the number that comes next is ${at + 1}`)
    return { number, minReader, sql }
  })
}

/**
 * Brings the database to the newest version, all in one transaction. A database of a later version is left as it is when its
 * `min_reader` admits us; else throws `ledger-newer`. `copyBefore` is called with the version found before a migration that
 * shuts older versions out.
 */
export function migrate(
  db: Connection,
  migrations: readonly Migration[],
  copyBefore: (version: number) => void,
): void {
  const ours = migrations.at(-1)?.number ?? 0
  const version = Number(db.pragma('user_version', { simple: true }))
  const minReader = version === 0 ? 0 : readMinReader(db)
  if (minReader > ours) {
    throw new HoldfastError(
      'ledger-newer',
      `${db.name} is at version ${version} and wants a reader of at least ${minReader}; this Holdfast reads up to ${ours}. ` +
        `Start the newer Holdfast again, or put back the copy it made before (${db.name}.v*) and start this one.`,
    )
  }
  const due = migrations.filter(migration => migration.number > version)
  if (due.length === 0) return
  if (version > 0 && due.some(migration => migration.minReader > minReader)) copyBefore(version)
  db.transaction(() => {
    for (const migration of due) {
      db.exec(migration.sql)
      const raised = Math.max(minReader, migration.minReader)
      db.prepare("UPDATE meta SET value = ? WHERE name = 'min_reader'").run(String(raised))
      db.pragma(`user_version = ${migration.number}`)
    }
  }).immediate()
}

function readMinReader(db: Connection): number {
  const row = db.prepare("SELECT value FROM meta WHERE name = 'min_reader'").pluck().get()
  return Number(row ?? 0)
}

import { chmodSync, mkdirSync, readdirSync, renameSync, rmSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { type Connection, findDamage, openWriter } from './database.ts'
import { syncDirectoryOf, syncFile } from './durable-file.ts'

/** Snapshots kept. */
const kept = 2

/** Where the snapshots of the database in `file` lie. */
const directoryOf = (file: string): string => join(dirname(file), 'snapshots')

/** Existing snapshots of the database in `file`, newest first. */
export function listSnapshots(file: string): readonly string[] {
  try {
    const names = readdirSync(directoryOf(file)).filter(name => /^ledger-\d+\.db$/.test(name))
    return names
      .sort()
      .reverse()
      .map(name => join(directoryOf(file), name))
  } catch {
    return []
  }
}

/**
 * Copies the database while it goes on being used, checks the copy, makes it durable, and drops older ones beyond two. Rejects,
 * leaving the older ones, when the copy is not sound.
 */
export async function takeSnapshot(db: Connection, file: string): Promise<string> {
  const directory = directoryOf(file)
  mkdirSync(directory, { recursive: true, mode: 0o700 })
  const number = 1 + Number(/(\d+)\.db$/.exec(listSnapshots(file)[0] ?? '')?.[1] ?? 0)
  const target = join(directory, `ledger-${String(number).padStart(10, '0')}.db`)
  const temporary = join(directory, 'unfinished.db')
  removeDatabase(temporary)
  try {
    await db.backup(temporary)
    chmodSync(temporary, 0o600) // as the database is
    checkCopy(temporary)
    syncFile(temporary)
    renameSync(temporary, target)
    syncDirectoryOf(target)
  } catch (error) {
    removeDatabase(temporary)
    throw error
  }
  for (const old of listSnapshots(file).slice(kept)) rmSync(old, { force: true })
  return target
}

/** One plain file without a log beside it, whose pages fit together. */
function checkCopy(path: string): void {
  const copy = openWriter(path)
  try {
    copy.pragma('journal_mode = DELETE')
    const damage = findDamage(copy)
    if (damage !== undefined) throw new Error(`the snapshot is damaged: ${damage}`)
  } finally {
    copy.close()
  }
}

/** Removes a database file and what lies beside it. */
export function removeDatabase(path: string): void {
  for (const suffix of ['', '-wal', '-shm', '-journal']) rmSync(path + suffix, { force: true })
}

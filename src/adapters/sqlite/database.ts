import Database from 'better-sqlite3'

/** A connection. Only this folder knows better-sqlite3. */
export type Connection = Database.Database

/** How long a statement waits for another process that holds the file, ms. Our own threads never meet: one writes, one reads. */
const busyTimeoutMs = 2_000

/** Memory for pages, KiB; the kernel's own cache stands behind it. SQLite would take 16 MB a connection. */
const writerCacheKib = 2_048
const readerCacheKib = 4_096

/** Opens for writing, creating the file where there is none. Throws what SQLite says. */
export function openWriter(file: string): Connection {
  const db = new Database(file, { timeout: busyTimeoutMs })
  try {
    db.pragma('journal_mode = WAL')
    db.pragma('synchronous = NORMAL')
    db.pragma(`cache_size = -${writerCacheKib}`)
    // A checkpoint that a reader held up may have let the log grow: it is cut back once it was copied.
    db.pragma('journal_size_limit = 8388608')
    // As many pages as that: taking in many records writes the same pages over and over, and copies them once then.
    db.pragma('wal_autocheckpoint = 2000')
    return db
  } catch (error) {
    db.close()
    throw error
  }
}

/** Opens for reading only; the file must exist. */
export function openReader(file: string | Buffer): Connection {
  const readonly = typeof file === 'string'
  const db = new Database(file, { readonly, timeout: busyTimeoutMs })
  db.pragma(`cache_size = -${readerCacheKib}`)
  return db
}

/** What ails the database's structure; `undefined` when nothing was found. Reads every page. */
export function findDamage(db: Connection): string | undefined {
  const found: unknown = db.pragma('integrity_check(1)', { simple: true })
  return found === 'ok' ? undefined : String(found)
}

/** The code of an SQLite error, '' for anything else. */
export function sqliteCode(error: unknown): string {
  return error instanceof Database.SqliteError ? error.code : ''
}

/** Whether the file itself is broken, so that only another file helps. */
export function isCorruption(error: unknown): boolean {
  const code = sqliteCode(error)
  return code.startsWith('SQLITE_CORRUPT') || code === 'SQLITE_NOTADB'
}

/**
 * Whether a write failed for want of space or rights, or on the device: it may work again later with the same file. The pin journal
 * fails with the system's own codes.
 */
export function isUnwritable(error: unknown): boolean {
  const isOfSystem = error instanceof Error && 'errno' in error
  return (
    isOfSystem ||
    /^SQLITE_(?:FULL|IOERR|READONLY|CANTOPEN|BUSY|LOCKED|NOMEM|PERM)/.test(sqliteCode(error))
  )
}

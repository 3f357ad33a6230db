import { copyFileSync, existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import Database from 'better-sqlite3'
import type { Log } from '../../ports/log.ts'
import { type Connection, isCorruption, openReader, openWriter } from './database.ts'
import { createExclusions, type LoadedExclusions } from './exclusions.ts'
import { createKeyLister, type KeyLister } from './list-keys.ts'
import { migrate, readMigrations } from './migrate.ts'
import { createKeyReader, type KeyReader } from './read-key.ts'
import { type LoadedWords, loadWords } from './words.ts'

/** The statements of one open connection. */
export interface OpenedReader {
  readonly db: Connection
  readonly keys: KeyReader
  readonly lists: KeyLister
  readonly exclusions: LoadedExclusions
  readonly words: LoadedWords
}

/** Reading on the main thread, whatever becomes of the file. */
export interface Reader {
  /** What `query` finds, or `otherwise` when the database cannot be read: a reader is never stopped by it. */
  read<T>(query: (reader: OpenedReader) => T, otherwise: T): T
  readonly exclusions: LoadedExclusions
  readonly words: LoadedWords
  /** Another file took the place of the one that is open. */
  reopen(): void
  close(): void
}

/**
 * Opens the database for reading. One that only exists on a full or read-only disk is read from a copy in memory. `onDamage` is called
 * once per file when a read meets damage.
 */
export function createReader(
  file: string,
  needs: { readonly log: Log; readonly onDamage: () => void },
): Reader {
  let opened = open(file, needs.log)
  let isDamaged = false

  function read<T>(query: (reader: OpenedReader) => T, otherwise: T): T {
    try {
      return query(opened)
    } catch (err) {
      if (isDamaged || !opened.db.open) return otherwise
      needs.log.error({ file, err }, 'ledger database cannot be read')
      if (isCorruption(err)) {
        isDamaged = true
        needs.onDamage()
      }
      return otherwise
    }
  }

  return {
    read,
    exclusions: {
      isBanned: origin => opened.exclusions.isBanned(origin),
      isBlocked: digest => opened.exclusions.isBlocked(digest),
      any: () => opened.exclusions.any(),
      list: kind => opened.exclusions.list(kind),
      reload: () => read(({ exclusions }) => exclusions.reload(), undefined),
    },
    words: {
      list: kind => opened.words.list(kind),
      reload: kinds => read(({ words }) => words.reload(kinds), undefined),
    },
    reopen() {
      const before = opened
      opened = open(file, needs.log)
      isDamaged = false
      before.db.close()
    },
    close: () => opened.db.close(),
  }
}

function open(file: string, log: Log): OpenedReader {
  const attempts = [() => openReader(file), () => openReader(copyInMemory(file)), openEmpty]
  for (const attempt of attempts) {
    try {
      return prepare(attempt())
    } catch (err) {
      log.error({ file, err }, 'ledger database not opened for reading this way')
    }
  }
  return prepare(openEmpty())
}

function prepare(db: Connection): OpenedReader {
  try {
    const exclusions = createExclusions(db)
    return {
      db,
      keys: createKeyReader(db),
      lists: createKeyLister(db),
      exclusions,
      words: loadWords(db, exclusions),
    }
  } catch (error) {
    db.close()
    throw error
  }
}

function openEmpty(): Connection {
  const db = new Database(':memory:')
  migrate(db, readMigrations(), () => {})
  return db
}

/** With its log, where there is room to put the two together; else as of the last checkpoint. */
function copyInMemory(file: string): Buffer {
  const bytes = existsSync(`${file}-wal`) ? copyWithLog(file) : readFileSync(file)
  // Bytes 18 and 19 say that there is a log, which memory cannot have. https://www.sqlite.org/fileformat2.html#file_format_version_numbers
  bytes.fill(1, 18, 20)
  return bytes
}

function copyWithLog(file: string): Buffer {
  let directory: string | undefined
  try {
    directory = mkdtempSync(join(tmpdir(), 'holdfast-ledger-'))
    const copy = join(directory, 'ledger.db')
    copyFileSync(file, copy)
    copyFileSync(`${file}-wal`, `${copy}-wal`)
    const db = openWriter(copy)
    db.pragma('wal_checkpoint(TRUNCATE)')
    db.close()
    return readFileSync(copy)
  } catch {
    return readFileSync(file)
  } finally {
    if (directory !== undefined) rmSync(directory, { recursive: true, force: true })
  }
}

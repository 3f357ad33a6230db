import { mkdirSync } from 'node:fs'
import { join, resolve } from 'node:path'
import Database from 'better-sqlite3'
import { HoldfastError } from '../../ports/errors.ts'
import type { Log } from '../../ports/log.ts'
import { lockFile } from '../../ports/own-files.ts'
import { sqliteCode } from './database.ts'

/** A directory that is ours alone. */
export interface Claim {
  /** Gives it back. */
  close(): void
}

/** How long a process that is just ending may still hold the directory, ms. */
const waitMs = 1_000

/** What names the directory of everything. */
const dataDirectory = { key: 'dataDir', flag: 'data-dir' }

/**
 * Makes sure that one process alone keeps its state in a directory, which is made when it is not there: two would delete each
 * other's downloads and count each other's blobs wrong. The lock is one of the operating system, on an empty file `holdfast.lock`, by
 * way of SQLite, as Node has none: it ends with the process, however that ends.
 *
 * A directory that cannot be written is not claimed: nobody can do harm there, and a node starts on a read-only disk, too.
 *
 * @param named the key and the flag that name the directory, for the message
 * @throws HoldfastError `directory-in-use`
 */
export function claimDirectory(directory: string, log: Log, named = dataDirectory): Claim {
  let lock: Database.Database | undefined
  try {
    mkdirSync(directory, { recursive: true, mode: 0o700 })
    lock = new Database(join(directory, lockFile), { timeout: waitMs })
    lock.exec('BEGIN EXCLUSIVE')
  } catch (err) {
    lock?.close()
    if (/^SQLITE_BUSY/.test(sqliteCode(err))) throw inUse(directory, named, err)
    log.debug({ directory, err }, 'directory cannot be claimed')
    return { close: () => undefined }
  }
  const held = lock
  return { close: () => void held.close() }
}

function inUse(
  directory: string,
  { key, flag }: typeof dataDirectory,
  cause: unknown,
): HoldfastError {
  const cure = `stop that one first, or give this one a ${key} (--${flag} …) of its own`
  return new HoldfastError(
    'directory-in-use',
    `${key}: another holdfast is running in ${resolve(directory)}; ${cure}`,
    cause,
  )
}

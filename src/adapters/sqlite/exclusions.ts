import type { Exclusions } from '../../ledger/key-state.ts'
import type { Connection } from './database.ts'

/** Bans and blocks of one connection's database, in memory: they are few and asked for with every read. */
export interface LoadedExclusions extends Exclusions {
  reload(): void
  /** Whether anything is banned or blocked at all. */
  any(): boolean
}

/** Loads what is banned and blocked. A register's newest record decides; a tombstone lifts. */
export function createExclusions(db: Connection): LoadedExclusions {
  const newest = db.prepare<[number], { key: string; removed: number }>(
    `SELECT key, removed FROM (SELECT key, removed, row_number() OVER
      (PARTITION BY key ORDER BY wall_ms DESC, counter DESC, origin DESC) AS place
      FROM record WHERE kind = ? AND kind NOT IN (1, 4)) WHERE place = 1 AND removed = 0`,
  )
  let banned = new Set<string>()
  let blocked = new Set<string>()
  const load = (kind: number) => new Set(newest.all(kind).map(row => row.key))
  const reload = (): void => {
    banned = load(3)
    blocked = load(8)
  }
  reload()
  return {
    reload,
    any: () => banned.size + blocked.size > 0,
    isBanned: origin => banned.has(origin),
    isBlocked: digest => blocked.has(digest),
  }
}

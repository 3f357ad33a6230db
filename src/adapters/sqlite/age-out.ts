import { advanceHorizon } from '../../ledger/horizon.ts'
import type { Connection } from './database.ts'

/** What the horizon moves by. */
export interface AgeOutTime {
  /** Trusted time, ms since the epoch. */
  readonly nowMs: number
  /** Since the last time, ms. */
  readonly uptimeMs: number
  readonly retentionDays: number
}

/** Forgets observations that nobody used, and old words of nodes about themselves; call inside a transaction. */
export interface AgeOut {
  /** Moves the horizon on and returns the keys that were forgotten, of tags and of what nodes said of themselves: shares of warm jobs, and what their pods run. */
  run(time: AgeOutTime): { readonly keys: readonly string[]; readonly words: readonly string[] }
  /** ms since the epoch, 0 before there is one. */
  horizonMs(): number
}

/** Prepares ageing out of one connection. */
export function createAgeOut(db: Connection): AgeOut {
  const get = db.prepare<[], string>("SELECT value FROM meta WHERE name = 'horizon-ms'").pluck()
  const set = db.prepare(
    "INSERT OR REPLACE INTO meta (name, value) VALUES ('horizon-ms', CAST(? AS TEXT))",
  )
  // A key lives as long as the newest of its observations and uses.
  const lastUse =
    'SELECT key, max(wall_ms) AS last_ms FROM record WHERE kind IN (1, 4) GROUP BY key'
  const oldest = db.prepare<[], number | null>(`SELECT min(last_ms) FROM (${lastUse})`).pluck()
  const tooOld = db
    .prepare<[number], string>(`SELECT key FROM (${lastUse}) WHERE last_ms < ?`)
    .pluck()
  const forget = [
    db.prepare('DELETE FROM record WHERE key = ? AND kind IN (1, 4)'),
    db.prepare('DELETE FROM sighting WHERE key = ?'),
    db.prepare('DELETE FROM held_by_clients WHERE key = ?'),
  ]
  const forgetWords = db
    .prepare<[number], string>(
      'DELETE FROM record WHERE kind IN (10, 11) AND wall_ms < ? RETURNING key',
    )
    .pluck()
  const stored = (): number | undefined => {
    const text = get.get()
    return text === undefined ? undefined : Number(text)
  }
  /** Asked for with every record that is taken. */
  let known: number | undefined
  return {
    run(time) {
      known = undefined
      const horizonMs = advanceHorizon(stored(), { ...time, oldestMs: oldest.get() ?? undefined })
      set.run(String(Math.floor(horizonMs)))
      const keys = tooOld.all(horizonMs)
      for (const key of keys) for (const statement of forget) statement.run(key)
      return { keys, words: forgetWords.all(horizonMs) }
    },
    horizonMs() {
      known ??= stored() ?? 0
      return known
    },
  }
}

import type { Exclusions } from '../../ledger/key-state.ts'
import type { Connection } from './database.ts'

/** Bans and blocks of one connection's database, in memory: they are few and asked for with every read. */
export interface LoadedExclusions extends Exclusions {
  reload(): void
  /** Whether anything is banned or blocked at all. */
  any(): boolean
}

interface Word {
  readonly key: string
  readonly origin: string
  readonly removed: number
}

/**
 * Loads what is banned and blocked. The newest record of a register whose origin counts decides; a tombstone lifts. Nobody's word about
 * himself counts, or a ban would be lifted by the one it is meant for; what to block is not said by who is banned.
 */
export function createExclusions(db: Connection): LoadedExclusions {
  const words = db.prepare<[number], Word>(
    `SELECT key, origin, removed FROM record WHERE kind = ? AND kind NOT IN (1, 4)
     ORDER BY key, wall_ms DESC, counter DESC, origin DESC`,
  )
  let banned = new Set<string>()
  let blocked = new Set<string>()

  function load(kind: number, counts: (word: Word) => boolean): Set<string> {
    const newest = new Map<string, Word>()
    for (const word of words.iterate(kind)) {
      if (!newest.has(word.key) && counts(word)) newest.set(word.key, word)
    }
    return new Set([...newest.values()].filter(({ removed }) => removed === 0).map(w => w.key))
  }

  function reload(): void {
    banned = load(3, ({ key, origin }) => key !== origin)
    blocked = load(8, ({ origin }) => !banned.has(origin))
  }

  reload()
  return {
    reload,
    any: () => banned.size + blocked.size > 0,
    isBanned: origin => banned.has(origin),
    isBlocked: digest => blocked.has(digest),
  }
}

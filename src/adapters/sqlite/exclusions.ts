import { kindNumbers } from '../../ledger/encode-record.ts'
import type { Exclusions } from '../../ledger/key-state.ts'
import type { RecordDetails } from '../../ledger/record.ts'
import type { Exclusion, ExclusionKind } from '../../ports/exclusion-book.ts'
import type { Connection } from './database.ts'

/** Bans and blocks of one connection's database, in memory: they are few and asked for with every read. */
export interface LoadedExclusions extends Exclusions {
  reload(): void
  /** Whether anything is banned or blocked at all. */
  any(): boolean
  /** Those in force, in the order of their keys. */
  list(kind: ExclusionKind): readonly Exclusion[]
}

interface Word {
  readonly key: string
  readonly origin: string
  readonly wallMs: number
  readonly removed: number
  readonly details: string | null
}

/**
 * Loads what is banned and blocked. The newest record of a register whose origin counts decides; a tombstone lifts. Nobody's word about
 * himself counts, or a ban would be lifted by the one it is meant for; what to block is not said by who is banned.
 */
export function createExclusions(db: Connection): LoadedExclusions {
  const words = db.prepare<[number], Word>(
    `SELECT key, origin, wall_ms AS wallMs, removed, details FROM record WHERE kind = ? AND kind NOT IN (1, 4)
     ORDER BY key, wall_ms DESC, counter DESC, origin DESC`,
  )
  const loaded = { ban: new Map<string, Word>(), block: new Map<string, Word>() }

  function load(kind: ExclusionKind, counts: (word: Word) => boolean): Map<string, Word> {
    const newest = new Map<string, Word>()
    for (const word of words.iterate(kindNumbers[kind])) {
      if (!newest.has(word.key) && counts(word)) newest.set(word.key, word)
    }
    return new Map([...newest].filter(([, { removed }]) => removed === 0))
  }

  function reload(): void {
    loaded.ban = load('ban', ({ key, origin }) => key !== origin)
    loaded.block = load('block', ({ origin }) => !loaded.ban.has(origin))
  }

  reload()
  return {
    reload,
    any: () => loaded.ban.size + loaded.block.size > 0,
    isBanned: origin => loaded.ban.has(origin),
    isBlocked: digest => loaded.block.has(digest),
    list: kind => [...loaded[kind].values()].map(toExclusion),
  }
}

function toExclusion({ key, origin, wallMs, details }: Word): Exclusion {
  const { note, author } = (details === null ? {} : JSON.parse(details)) as RecordDetails
  return { key, atMs: wallMs, origin, note, author }
}

import type { Exclusions } from '../../ledger/key-state.ts'
import type { Exclusion, ExclusionKind } from '../../ports/exclusion-book.ts'
import type { Connection } from './database.ts'
import { createNewestWords, tellWord, type Word } from './newest-words.ts'

/** Bans and blocks of one connection's database, in memory: they are few and asked for with every read. */
export interface LoadedExclusions extends Exclusions {
  reload(): void
  /** Whether anything is banned or blocked at all. */
  any(): boolean
  /** Those in force, in the order of their keys. */
  list(kind: ExclusionKind): readonly Exclusion[]
}

/**
 * Loads what is banned and blocked. The newest record of a register whose origin counts decides; a tombstone lifts. Nobody's word about
 * himself counts, or a ban would be lifted by the one it is meant for; what to block is not said by who is banned.
 */
export function createExclusions(db: Connection): LoadedExclusions {
  const newest = createNewestWords(db)
  const none: ReadonlyMap<string, Word> = new Map()
  const loaded = { ban: none, block: none }

  function reload(): void {
    loaded.ban = newest('ban', ({ key, origin }) => key !== origin)
    loaded.block = newest('block', ({ origin }) => !loaded.ban.has(origin))
  }

  reload()
  return {
    reload,
    any: () => loaded.ban.size + loaded.block.size > 0,
    isBanned: origin => loaded.ban.has(origin),
    isBlocked: digest => loaded.block.has(digest),
    list: kind => [...loaded[kind].values()].map(word => ({ key: word.key, ...tellWord(word) })),
  }
}

import type { Exclusions } from '../../ledger/key-state.ts'
import type { Keep, KeepBook } from '../../ports/keep-book.ts'
import type { Connection } from './database.ts'
import { createNewestWords, tellWord } from './newest-words.ts'
import type { Reader } from './reader.ts'
import type { OperatorWord } from './writer-protocol.ts'

/** Keeps of one connection's database, in memory. */
export interface LoadedKeeps {
  reload(): void
  /** Those in force, in the order of their patterns; the same array until they are loaded anew. */
  list(): readonly Keep[]
}

/** Loads what is kept. Who is banned says nothing of it. */
export function loadKeeps(db: Connection, exclusions: Pick<Exclusions, 'isBanned'>): LoadedKeeps {
  const newest = createNewestWords(db)
  const load = (): readonly Keep[] => {
    const words = newest('keep', ({ origin }) => !exclusions.isBanned(origin))
    return [...words.values()].map(word => ({ pattern: word.key, ...tellWord(word) }))
  }
  let loaded = load()
  return {
    reload() {
      loaded = load()
    },
    list: () => loaded,
  }
}

/** The keeps of the ledger. */
export function createKeepBook({
  reader: { keeps },
  say,
  onChange,
}: {
  readonly reader: Reader
  /** Signs and writes an operator's word. */
  readonly say: (word: OperatorWord) => Promise<void>
  readonly onChange: KeepBook['onChange']
}): KeepBook {
  const word = { kind: 'keep', target: undefined } as const
  return {
    list: keeps.list,
    set: (key, { note, author }) =>
      say({ ...word, key, removed: false, details: { note, author } }),
    lift: (key, author) => say({ ...word, key, removed: true, details: { author } }),
    onChange,
  }
}

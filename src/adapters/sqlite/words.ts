import type { Exclusions } from '../../ledger/key-state.ts'
import type { RecordKind } from '../../ledger/record.ts'
import type { SaidWord, WordBook } from '../../ports/word-book.ts'
import type { Connection } from './database.ts'
import { createNewestWords, type Word } from './newest-words.ts'
import type { OperatorWord } from './writer-protocol.ts'

/** Kinds of which the newest word of each register is in force, whatever the register says. */
export const wordKinds = [
  'keep',
  'warm',
  'setting',
  'share',
  'running',
] as const satisfies RecordKind[]

/** One of {@link wordKinds}. */
export type WordKind = (typeof wordKinds)[number]

/** Words of one connection's database, in memory. */
export interface LoadedWords {
  /** Those in force, in the order of their keys; the same array until they are loaded anew, and then what did not change is the same in it. */
  list(kind: WordKind): readonly SaidWord[]
  reload(kinds: readonly WordKind[]): void
}

/** Loads what is said. Who is banned says nothing. */
export function loadWords(db: Connection, exclusions: Pick<Exclusions, 'isBanned'>): LoadedWords {
  const newest = createNewestWords(db)
  const said = new WeakMap<Word, SaidWord>()
  const load = (kind: WordKind): readonly SaidWord[] => {
    const words = newest(kind, ({ origin }) => !exclusions.isBanned(origin))
    return [...words.values()].map(saidOnce)
  }
  const saidOnce = (word: Word): SaidWord => {
    const known = said.get(word) ?? saidBy(word)
    said.set(word, known)
    return known
  }
  const loaded = new Map(wordKinds.map(kind => [kind, load(kind)]))
  return {
    list: kind => loaded.get(kind) ?? [],
    reload(kinds) {
      for (const kind of kinds) loaded.set(kind, load(kind))
    },
  }
}

function saidBy({ key, wallMs, origin, details: { note, author, value } }: Word): SaidWord {
  return { key, atMs: wallMs, origin, note, author, value }
}

/** The registers of one kind. */
export function createWordBook(
  kind: WordKind,
  {
    reader,
    replication,
  }: {
    readonly reader: { readonly words: Pick<LoadedWords, 'list'> }
    readonly replication: {
      say(word: OperatorWord): Promise<void>
      onWords(kind: WordKind, listener: () => void): () => void
    }
  },
): WordBook {
  const word = { kind, target: undefined }
  return {
    list: () => reader.words.list(kind),
    set: (key, { note, author, value }) =>
      replication.say({ ...word, key, removed: false, details: { note, author, value } }),
    lift: (key, author) => replication.say({ ...word, key, removed: true, details: { author } }),
    onChange: listener => replication.onWords(kind, listener),
  }
}

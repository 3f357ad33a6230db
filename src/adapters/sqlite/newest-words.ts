import { kindNumbers } from '../../ledger/encode-record.ts'
import type { RecordDetails, RecordKind } from '../../ledger/record.ts'
import type { Connection } from './database.ts'

/** An operator's word as its row tells it. */
export interface Word {
  readonly key: string
  readonly origin: string
  readonly wallMs: number
  readonly removed: number
  readonly details: string | null
}

/** By register, the newest word whose origin counts; registers whose newest word lifts what was said are left out. In the order of their keys. */
export type NewestWords = (
  kind: RecordKind,
  counts: (word: Word) => boolean,
) => ReadonlyMap<string, Word>

/** Prepares the reading of what operators said. */
export function createNewestWords(db: Connection): NewestWords {
  const words = db.prepare<[number], Word>(
    `SELECT key, origin, wall_ms AS wallMs, removed, details FROM record WHERE kind = ? AND kind NOT IN (1, 4)
     ORDER BY key, wall_ms DESC, counter DESC, origin DESC`,
  )
  return (kind, counts) => {
    const newest = new Map<string, Word>()
    for (const word of words.iterate(kindNumbers[kind])) {
      if (!newest.has(word.key) && counts(word)) newest.set(word.key, word)
    }
    return new Map([...newest].filter(([, { removed }]) => removed === 0))
  }
}

/** When, where, by whom and why it was said. */
export function tellWord(word: Word): {
  readonly atMs: number
  readonly origin: string
  readonly note: string | undefined
  readonly author: string | undefined
} {
  const { note, author } = detailsOf(word)
  return { atMs: word.wallMs, origin: word.origin, note, author }
}

/** What it carries of what this version knows. */
export const detailsOf = ({ details }: Word): RecordDetails =>
  (details === null ? {} : JSON.parse(details)) as RecordDetails

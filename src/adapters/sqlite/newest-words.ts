import { kindNumbers } from '../../ledger/encode-record.ts'
import type { RecordDetails, RecordKind } from '../../ledger/record.ts'
import type { Connection } from './database.ts'

/** An operator's word as its row tells it. */
export interface Word extends Stamped {
  /** What it carries of what this version knows. */
  readonly details: RecordDetails
}

/** Which word it is: a node signs one under a stamp. */
interface Stamped {
  readonly key: string
  readonly origin: string
  readonly wallMs: number
  readonly counter: number
}

/**
 * By register, the newest word whose origin counts; registers whose newest word lifts what was said are left out. In the order of their
 * keys. Details are read of what is new: what was in the map that was made of the kind before is the same object.
 */
export type NewestWords = (
  kind: RecordKind,
  counts: (word: Pick<Word, 'key' | 'origin'>) => boolean,
) => ReadonlyMap<string, Word>

/** Prepares the reading of what operators said. */
export function createNewestWords(db: Connection): NewestWords {
  // A row's details lie behind these columns, on pages that are not read for them.
  const stamps = db.prepare<[number], Stamped & { readonly id: number; readonly removed: number }>(
    `SELECT id, key, origin, wall_ms AS wallMs, counter, removed FROM record WHERE kind = ? AND kind NOT IN (1, 4)
     ORDER BY key, wall_ms DESC, counter DESC, origin DESC`,
  )
  const details = db
    .prepare<[number], string | null>('SELECT details FROM record WHERE id = ?')
    .pluck()
  const last = new Map<RecordKind, ReadonlyMap<string, Word>>()

  const load = db.transaction<NewestWords>((kind, counts) => {
    const newest = new Map<string, Stamped & { readonly id: number; readonly removed: number }>()
    for (const word of stamps.iterate(kindNumbers[kind])) {
      if (!newest.has(word.key) && counts(word)) newest.set(word.key, word)
    }
    const before = last.get(kind)
    const inForce = [...newest.values()].filter(({ removed }) => removed === 0)
    return new Map(
      inForce.map(({ id, key, origin, wallMs, counter }) => {
        const word = { key, origin, wallMs, counter }
        const known = before?.get(key)
        if (known !== undefined && isSame(known, word)) return [key, known]
        return [key, { ...word, details: parseDetails(details.get(id)) }]
      }),
    )
  })

  return (kind, counts) => {
    const loaded = load(kind, counts)
    last.set(kind, loaded)
    return loaded
  }
}

const isSame = (a: Stamped, b: Stamped): boolean =>
  a.origin === b.origin && a.wallMs === b.wallMs && a.counter === b.counter

const parseDetails = (text: string | null | undefined): RecordDetails =>
  JSON.parse(text ?? '{}') as RecordDetails

/** When, where, by whom and why it was said. */
export function tellWord({ wallMs, origin, details: { note, author } }: Word): {
  readonly atMs: number
  readonly origin: string
  readonly note: string | undefined
  readonly author: string | undefined
} {
  return { atMs: wallMs, origin, note, author }
}

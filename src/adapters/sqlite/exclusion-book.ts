import { kindNumbers } from '../../ledger/encode-record.ts'
import type { RecordDetails } from '../../ledger/record.ts'
import type { Exclusion, ExclusionBook, ExclusionKind } from '../../ports/exclusion-book.ts'
import type { Connection } from './database.ts'
import type { Reader } from './reader.ts'
import type { OperatorWord } from './writer-protocol.ts'

interface Row {
  readonly key: string
  readonly origin: string
  readonly wallMs: number
  readonly removed: number
  readonly details: string | null
}

/** The bans and blocks of the ledger, for people. */
export function createExclusionBook({
  reader,
  say,
}: {
  readonly reader: Reader
  /** Signs and writes an operator's word. */
  readonly say: (word: OperatorWord) => Promise<void>
}): ExclusionBook {
  const { exclusions } = reader
  const isInForce = { ban: exclusions.isBanned, block: exclusions.isBlocked } as const

  return {
    list: kind =>
      reader
        .read(({ db }) => newestWords(db, kind), [])
        .filter(({ key }) => (isInForce[kind] as (key: string) => boolean)(key)),
    set: (kind, key, { note, author }) =>
      say({ kind, key, target: undefined, removed: false, details: { note, author } }),
    lift: (kind, key, author) =>
      say({ kind, key, target: undefined, removed: true, details: { author } }),
  }
}

/** The newest that was said of each and does not lift it: what it says counts when the whole is in force. */
function newestWords(db: Connection, kind: ExclusionKind): readonly Exclusion[] {
  const newest = new Map<string, Exclusion>()
  const rows = db
    .prepare<[number], Row>(
      `SELECT key, origin, wall_ms AS wallMs, removed, details FROM record WHERE kind = ? AND kind NOT IN (1, 4)
       ORDER BY key, wall_ms DESC, counter DESC, origin DESC`,
    )
    .all(kindNumbers[kind])
  for (const { key, origin, wallMs, removed, details } of rows) {
    if (newest.has(key) || removed !== 0) continue
    const { note, author } = (details === null ? {} : JSON.parse(details)) as RecordDetails
    newest.set(key, { key, atMs: wallMs, origin, note, author })
  }
  return [...newest.values()]
}

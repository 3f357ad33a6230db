import type { ExclusionBook } from '../../ports/exclusion-book.ts'
import type { Reader } from './reader.ts'
import type { OperatorWord } from './writer-protocol.ts'

/** The bans and blocks of the ledger, for people. */
export function createExclusionBook({
  reader: { exclusions },
  say,
}: {
  readonly reader: Reader
  /** Signs and writes an operator's word. */
  readonly say: (word: OperatorWord) => Promise<void>
}): ExclusionBook {
  return {
    list: exclusions.list,
    set: (kind, key, { note, author }) =>
      say({ kind, key, target: undefined, removed: false, details: { note, author } }),
    lift: (kind, key, author) =>
      say({ kind, key, target: undefined, removed: true, details: { author } }),
  }
}

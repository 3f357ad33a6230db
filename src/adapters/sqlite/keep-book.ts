import { derived } from '../../ports/derived.ts'
import type { Keep, KeepBook } from '../../ports/keep-book.ts'
import type { SaidWord, WordBook } from '../../ports/word-book.ts'

/** The keeps of the ledger. */
export function createKeepBook(words: WordBook): KeepBook {
  return {
    list: derived(words.list, said => said.map(keepOf)),
    set: words.set,
    lift: words.lift,
    onChange: words.onChange,
  }
}

const keepOf = ({ key: pattern, atMs, origin, note, author }: SaidWord): Keep => ({
  pattern,
  atMs,
  origin,
  note,
  author,
})

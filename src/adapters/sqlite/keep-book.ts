import type { Keep, KeepBook } from '../../ports/keep-book.ts'
import type { SaidWord, WordBook } from '../../ports/word-book.ts'

/** The keeps of the ledger. */
export function createKeepBook(words: WordBook): KeepBook {
  let said: readonly SaidWord[] = []
  let keeps: readonly Keep[] = []
  return {
    list() {
      const now = words.list()
      if (now !== said) keeps = now.map(keepOf)
      said = now
      return keeps
    },
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

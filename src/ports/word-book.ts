/** What an operator said, on any node, of something that has a name. */
export interface SaidWord {
  readonly key: string
  /** When it was said, ms since the epoch. */
  readonly atMs: number
  /** Public key (hex) of the node on which it was said. */
  readonly origin: string
  readonly note: string | undefined
  readonly author: string | undefined
  /** As it was said, at most `maxValueBytes` of UTF-8; another version may have written it. */
  readonly value: string | undefined
}

/** The registers of one kind: replicated, the newest word of each in force until one lifts it. */
export interface WordBook {
  /** Those in force, in the order of their keys. The array is the same until one of them changes; then the others are the same in the next. */
  list(): readonly SaidWord[]
  /** Settles when it is durable. Rejects with `ledger-unusable`. */
  set(key: string, details: Partial<Pick<SaidWord, 'note' | 'author' | 'value'>>): Promise<void>
  /** As {@link WordBook.set}. */
  lift(key: string, author: string | undefined): Promise<void>
  /** Calls back after those in force changed, by somebody here or by what another node said. */
  onChange(listener: () => void): () => void
}

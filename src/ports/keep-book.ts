/** What an operator said must stay available offline. */
export interface Keep {
  /** As in `keep.patterns`. One that another node said may mean nothing to this one. */
  readonly pattern: string
  /** When it was said, ms since the epoch. */
  readonly atMs: number
  /** Public key (hex) of the node on which it was said. */
  readonly origin: string
  readonly note: string | undefined
  readonly author: string | undefined
}

/** The keeps of the ledger. */
export interface KeepBook {
  /** Those in force, in the order of their patterns. The array is the same until one of them changes. */
  list(): readonly Keep[]
  /** Settles when it is durable. Rejects with `ledger-unusable`. */
  set(
    pattern: string,
    details: { readonly note: string | undefined; readonly author: string | undefined },
  ): Promise<void>
  /** As {@link KeepBook.set}. */
  lift(pattern: string, author: string | undefined): Promise<void>
  /** Calls back after those in force changed, by an operator here or by what another node said. */
  onChange(listener: () => void): () => void
}

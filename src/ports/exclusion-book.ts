/** What an exclusion is of: a node whose word does not count, or a digest that nobody serves. */
export type ExclusionKind = 'ban' | 'block'

/** Something that is excluded now. */
export interface Exclusion {
  /** A ban's is the node's public key (hex), a block's the digest. */
  readonly key: string
  /** When it was said, ms since the epoch. */
  readonly atMs: number
  /** Public key (hex) of the node on which it was said. */
  readonly origin: string
  readonly note: string | undefined
  readonly author: string | undefined
}

/** Bans and blocks. They filter what is read and take nothing away: once lifted, all is as it was. */
export interface ExclusionBook {
  /** Those in force, in the order of their keys. */
  list(kind: ExclusionKind): readonly Exclusion[]
  /** Settles when it is durable. Rejects with `ledger-unusable`. */
  set(
    kind: ExclusionKind,
    key: string,
    details: { readonly note: string | undefined; readonly author: string | undefined },
  ): Promise<void>
  /** As {@link ExclusionBook.set}. */
  lift(kind: ExclusionKind, key: string, author: string | undefined): Promise<void>
}

import type { ObservationSource } from '../ledger/record.ts'
import type { Stamp } from '../ledger/stamp.ts'
import type { Digest } from '../oci/digest.ts'
import type { Repository, TagReference } from '../oci/reference.ts'

/** Digest, type and size of a manifest: what a HEAD needs. */
export interface Target {
  readonly digest: Digest
  readonly mediaType: string
  /** Bytes. */
  readonly size: number
}

/** A digest that a tag pointed to. */
export interface Observation extends Target {
  readonly stamp: Stamp
  readonly source: ObservationSource
  /** Public key (hex) of the node that saw it. */
  readonly origin: string
  /** When the tag's owner last confirmed it to this node or, when never, the record's own time; ms since the epoch, trusted time. */
  readonly confirmedAtMs: number
  readonly firstSeenMs: number
  readonly lastSeenMs: number
}

/** An operator's fixed answer. */
export interface Pin extends Target {
  readonly stamp: Stamp
  readonly note: string | undefined
  readonly author: string | undefined
  /** Trusted time, ms since the epoch; absent = for ever. */
  readonly expiresAtMs: number | undefined
}

/** Taken when a question is sent: the stamp that was live then. A record that answers it is stamped after that and no other. */
export interface QuestionMark {
  readonly liveStamp: Stamp | undefined
  /** Counts this process's questions: a smaller one was sent earlier. */
  readonly order: number
}

/** An upstream's answer on its way into the ledger. */
export interface UpstreamObservation extends Target {
  readonly key: TagReference
  readonly asked: QuestionMark
  /** The registry's time of the answer, ms since the epoch. */
  readonly dateMs: number | undefined
  readonly overTls: boolean
}

/** The digests of one key that count now; at least one is there. */
export interface LiveTarget {
  readonly key: TagReference
  readonly live: Digest | undefined
  readonly pinned: Digest | undefined
  /** The key's history may name other digests than the live one; without it there are none. */
  readonly hasEarlier: boolean
}

/** A tag as lists show it. */
export interface TagRow {
  readonly key: TagReference
  readonly live: Observation | undefined
  readonly pin: Pin | undefined
}

/** What tags are looked for by; what is given must all fit. */
export interface TagFilter {
  readonly registry?: string | undefined
  readonly repository?: string | undefined
  /** Beginning of `registry/repository:tag`. */
  readonly prefix?: string | undefined
  /** Anywhere in it. */
  readonly contains?: string | undefined
  /** Where the newest observation came from. */
  readonly source?: ObservationSource | undefined
  /** The newest observation was confirmed before that, ms since the epoch, trusted time. */
  readonly confirmedBeforeMs?: number | undefined
  /** Asked of what the tag answers with: its pin's digest, else the newest one. */
  readonly isWanted?: ((digest: Digest) => boolean) | undefined
}

/** What was found in one stretch of keys. */
export interface FoundRows {
  /** In byte order of `registry/repository:tag`. */
  readonly rows: readonly TagRow[]
  /** Up to where it was looked, as the next `after`; absent: to the end. */
  readonly until: string | undefined
}

export interface LedgerStats {
  readonly pins: number
  /** `false` once a write failed for good (disk full, corruption); answers go on. */
  readonly writable: boolean
  /** Trusted time known since boot. */
  readonly clockVerified: boolean
  /** Correction added to the machine's clock, ms. */
  readonly clockOffsetMs: number
}

/**
 * The tag → digest ledger of this node. Reads are synchronous and see every write from the moment it was asked for; promises of
 * writes settle when the write is durable as promised (observations: database commit; pins: fsynced).
 */
export interface TagLedger {
  /** The newest observation that is neither banned nor blocked, nor forgotten. */
  live(key: TagReference): Observation | undefined
  /** Distinct digests of the key, newest first, the live one included, none banned or blocked. */
  history(key: TagReference): readonly Observation[]
  /** The pin in force now (trusted time), if any. */
  pin(key: TagReference): Pin | undefined
  /** Take before the question is sent. */
  askedNow(key: TagReference): QuestionMark
  /** Records or, when the digest is unchanged, confirms. */
  observeUpstream(observation: UpstreamObservation): Promise<void>
  /** A local event: an import or a push (`containerd` fills an empty key only, at the lowest stamp). */
  observeLocal(
    key: TagReference,
    target: Target,
    source: Exclude<ObservationSource, 'upstream'>,
  ): Promise<void>
  setPin(
    key: TagReference,
    target: Target,
    details: { readonly note?: string; readonly author?: string; readonly expiresAtMs?: number },
  ): Promise<void>
  removePin(key: TagReference, author?: string): Promise<void>
  /**
   * What was observed until now is no longer answered with, here and on every node, until a registry or an import says it anew. Durable as a
   * pin is. Does nothing where nothing is known.
   */
  forget(
    key: TagReference,
    details: { readonly note?: string | undefined; readonly author?: string | undefined },
  ): Promise<void>
  /** Clients hold this digest: they were given it and asked for no more of it than they got. Local, newest wins. */
  setHeldByClients(key: TagReference, target: Target): void
  heldByClients(key: TagReference): Target | undefined
  /** A holder used this tag today (the `use` register; at most one write a key and week). */
  markUsed(key: TagReference): void
  /** Tags of one repository in byte order, after `after`, at most `limit`. */
  listTags(repository: Repository, after: string | undefined, limit: number): readonly string[]
  /** All keys in byte order of `registry/repository:tag`; `after` is such a text. */
  list(filter: {
    readonly registry?: string
    readonly repository?: string
    readonly after?: string
    readonly limit: number
  }): readonly TagRow[]
  /** Rows that fit among about the next `keys` keys after the text `after`: what is looked through at once is bounded, however few fit. */
  find(filter: TagFilter, after: string | undefined, keys: number): FoundRows
  /**
   * What known keys answer with, by observation and by pin, in byte order of `registry/repository:tag`: those that begin with a text, after
   * the text `after`; `limit` of them or a few more, fewer when there are no more. Without any of it, all: with many tags that takes a while.
   */
  liveTargets(page?: {
    readonly beginning?: string | undefined
    readonly after?: string | undefined
    readonly limit?: number
  }): readonly LiveTarget[]
  /** Names of the tags that an operator pinned, some of them no longer. */
  pinnedNames(): readonly string[]
  /** Tags of which something was observed and is not forgotten. Counted a piece at a time: with many it takes a while. */
  countTags(): Promise<number>
  /** Corrected time, ms since the epoch. */
  trustedNowMs(): number
  /** Drops what nobody used for the horizon; called daily. */
  ageOut(): Promise<number>
  stats(): LedgerStats
  onChanged(listener: (key: TagReference) => void): () => void
  /** Called when a ban or a block was set or lifted: any key may read otherwise from then on. */
  onExclusions(listener: () => void): () => void
}

/** Something that was done, or refused, through the admin API of this node. */
export interface AuditEntry {
  /** Trusted time, ms since the epoch. */
  readonly atMs: number
  /** Name of the caller's token, or `socket`. */
  readonly caller: string
  /** As the API's document names it. */
  readonly operation: string
  /** A reference, a digest, a name. */
  readonly subject: string
  /** What the caller was answered, an HTTP status. */
  readonly status: number
  /** What stood there; anything that JSON can say. */
  readonly before: unknown
  /** What stands there now. */
  readonly after: unknown
}

/**
 * What operators did on this node, across restarts: the newest ten thousand, and a thousand of what was refused (4xx). Entries of restores are
 * counted by themselves, as many of each. None of the four takes anything from the others.
 */
export interface AuditLog {
  /** Settles when it is durable. Rejects with `ledger-unusable`. */
  note(entry: AuditEntry): Promise<void>
  /** Newest first. */
  find(filter: AuditFilter): readonly (AuditEntry & { readonly id: number })[]
}

/** What entries are looked for by; what is given must all fit. */
export interface AuditFilter {
  readonly subject?: string | undefined
  /** Name of a token: whoever asked with it, here or through another node. */
  readonly caller?: string | undefined
  /** At or after, and at or before; ms since the epoch. */
  readonly sinceMs?: number | undefined
  readonly untilMs?: number | undefined
  /** Only what was noted before the entry of this id. */
  readonly before?: number | undefined
  readonly limit: number
}

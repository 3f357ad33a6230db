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

/** What operators did on this node, across restarts; the newest ten thousand. */
export interface AuditLog {
  /** Settles when it is durable. Rejects with `ledger-unusable`. */
  note(entry: AuditEntry): Promise<void>
  /** Newest first. `before`: only what was noted before this one. */
  find(filter: {
    readonly subject?: string | undefined
    readonly before?: number | undefined
    readonly limit: number
  }): readonly (AuditEntry & { readonly id: number })[]
}

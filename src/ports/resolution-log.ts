import type { Digest } from '../oci/digest.ts'

/** One answer given to one question; equal ones in a row are one line. Times in ms since the epoch, trusted time. */
export interface ResolutionEntry {
  readonly firstAtMs: number
  readonly lastAtMs: number
  readonly count: number
  /** `registry/repository:tag`. */
  readonly reference: string
  /** Absent when there was no answer. */
  readonly digest: Digest | undefined
  /** A `Resolution` source, or `none`. */
  readonly source: string
  /** Why this answer, in words. */
  readonly reason: string
  /** Node public key (hex) or endpoint URL that said so. */
  readonly saidBy: string | undefined
}

/** The last 10 000 resolutions of this node, kept across restarts. */
export interface ResolutionLog {
  add(
    entry: Omit<ResolutionEntry, 'firstAtMs' | 'lastAtMs' | 'count'> & { readonly atMs: number },
  ): void
  /** Newest first. `atMs`: only lines that were in force at or before that time. */
  find(filter: {
    readonly reference?: string
    readonly atMs?: number
    readonly limit: number
  }): readonly ResolutionEntry[]
}

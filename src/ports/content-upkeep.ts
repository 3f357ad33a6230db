import type { Digest } from '../oci/digest.ts'
import type { ContentIntake } from './content-intake.ts'
import type { BlobInfo, ContentStore } from './content-store.ts'

/** Bytes that an interrupted or still running download left. `size` in bytes. */
export interface PartialInfo {
  readonly digest: Digest
  readonly size: number
  /** A writer holds it now: it cannot be dropped. */
  readonly isOpen: boolean
}

/** What re-hashing a blob found. `damaged`: it was moved to quarantine and is held no more. */
export type Verdict = 'sound' | 'damaged' | 'absent'

/** What looking after a store needs beyond serving from it. */
export interface ContentUpkeep {
  partials(): Iterable<PartialInfo>
  /** Forgets an interrupted download; one that a writer holds stays. Returns the bytes that were freed. */
  dropPartial(digest: Digest): Promise<number>
  /** Damaged blobs that were put aside for somebody to look at, the oldest first; they are not held, and the first to go. */
  quarantined(): readonly BlobInfo[]
  /**
   * Hashes a blob again, at most `bytesPerSecond` fast. Rejects with `store-unusable` when it cannot be read (which says nothing
   * about its bytes), and when `signal` ends it.
   */
  reverify(
    digest: Digest,
    options: { readonly bytesPerSecond: number; readonly signal: AbortSignal },
  ): Promise<Verdict>
}

/** A store that this node has to look after itself. */
export type MaintainedStore = ContentStore & ContentIntake & ContentUpkeep

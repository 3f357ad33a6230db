import type { Digest } from '../oci/digest.ts'
import type { TagReference } from '../oci/reference.ts'
import type { Observation } from './tag-ledger.ts'

/** What a tag would be answered with from memory, had an operator not blocked it. */
export interface BlockedAnswer {
  readonly digest: Digest
  /** It is pinned, and the pin is out of force; else nothing that is remembered of the tag may be served. */
  readonly isPin: boolean
}

/** Tags that blocks leave without their answer. Nothing of that is in a ledger's reads: they pass over what is blocked. */
export interface BlockedAnswers {
  /** `undefined`: no block stands in its way, or an earlier digest of a tag without a pin does instead. */
  of(key: TagReference): BlockedAnswer | undefined
  /** Distinct digests that the key is known to have stood for, newest first: `history` of the ledger, and what is blocked. */
  history(key: TagReference): readonly Observation[]
  /**
   * Tags for which the digest stands by what is remembered, in byte order: what they are answered with, or would be were it not blocked. What a
   * registry says when it is asked is another matter. Others have their turn in between.
   */
  tagsOf(digest: Digest): Promise<readonly TagReference[]>
  /** Those whose `registry/repository:tag` begins with one of these texts, in no order. Takes long only while something is blocked. */
  under(beginnings: readonly string[]): readonly TagReference[]
}

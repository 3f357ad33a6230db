import type { Digest } from '../oci/digest.ts'
import type { TagReference } from '../oci/reference.ts'

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
  /** Those whose `registry/repository:tag` begins with one of these texts, in no order. Takes long only while something is blocked. */
  under(beginnings: readonly string[]): readonly TagReference[]
}

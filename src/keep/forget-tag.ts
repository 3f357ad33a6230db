import type { TagReference } from '../oci/reference.ts'
import type { Observation, TagLedger } from '../ports/tag-ledger.ts'
import { mustBeOperator, type Stored } from './operator-word.ts'

/** What came of forgetting a tag. */
export interface Forgotten {
  /** What the tag was known to stand for. */
  readonly before: Observation | undefined
  readonly stored: Stored
}

/** How a tag is forgotten. */
export interface ForgetTerms {
  readonly author: string | undefined
  /** Nodes that are to have stored it before it is acknowledged, this one among them. */
  readonly copies: number
  /** Asked right before, of what is known then: throws when that is not what the operator has seen. */
  readonly check: (before: Observation | undefined) => void
  readonly signal: AbortSignal
}

/**
 * Has every node forget what was observed of a tag until now. It comes back when a registry or an import says it anew; a pin stays. Throws
 * `Refusal`; rejects with `ledger-unusable`. Settles when it is durable here, and on others as far as asked.
 */
export type ForgetTag = (key: TagReference, terms: ForgetTerms) => Promise<Forgotten>

/** Forgets in this node's ledger, and tells the others. */
export function createForgetTag(parts: {
  readonly ledger: Pick<TagLedger, 'live' | 'forget'>
  /** Whether other nodes believe what an operator says here. */
  readonly isOperator: () => boolean
  /** Has other nodes store what this one says of it. */
  readonly storeOnOthers: (
    key: TagReference,
    copies: number,
    signal: AbortSignal,
  ) => Promise<Stored>
}): ForgetTag {
  return async (key, { author, copies, check, signal }) => {
    mustBeOperator(parts.isOperator)
    const before = parts.ledger.live(key)
    check(before)
    await parts.ledger.forget(key, { author })
    return { before, stored: await parts.storeOnOthers(key, copies, signal) }
  }
}

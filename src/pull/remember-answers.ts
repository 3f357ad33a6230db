import type { Digest } from '../oci/digest.ts'
import { formatTag } from '../oci/reference.ts'
import type { ResolutionLog } from '../ports/resolution-log.ts'
import type { TagLedger } from '../ports/tag-ledger.ts'
import type { GivenDigests } from './given-digests.ts'
import type { Resolved, ResolveTag, Unresolved } from './resolution.ts'

/**
 * Wraps resolution for clients: every answer is written down, so that `why` can be asked later; what a HEAD was given is watched,
 * so that a client that holds it becomes known; and the tag counts as used, and with it its image, of which a client that holds it
 * asks for nothing. A person's question leaves no trace.
 */
export function rememberAnswers(
  resolveTag: ResolveTag,
  parts: {
    readonly resolutions: Pick<ResolutionLog, 'add'>
    readonly ledger: Pick<TagLedger, 'markUsed' | 'trustedNowMs'>
    readonly given: Pick<GivenDigests, 'given'>
    /** A client used this content. */
    readonly onUse: (digest: Digest) => void
  },
): ResolveTag {
  return async (key, options) => {
    const answer = await resolveTag(key, options)
    if (options.asking === 'explain') return answer
    if (answer.found) {
      parts.ledger.markUsed(key)
      parts.onUse(answer.digest)
      if (options.asking === 'HEAD') parts.given.given(key, answer)
    }
    remember(answer)
    return answer
  }

  function remember(answer: Resolved | Unresolved): void {
    parts.resolutions.add({
      atMs: parts.ledger.trustedNowMs(),
      reference: formatTag(answer.key),
      digest: answer.found ? answer.digest : undefined,
      source: answer.found ? answer.source : 'none',
      reason: answer.reason,
      saidBy: answer.found ? answer.saidBy : undefined,
    })
  }
}

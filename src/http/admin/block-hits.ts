import { type Digest, parseDigest } from '../../oci/digest.ts'
import { formatTag, type TagReference } from '../../oci/reference.ts'
import type { BlockedAnswers } from '../../ports/blocked-answers.ts'
import type { PinBook } from '../../ports/pin-book.ts'
import type { ImageHolders } from '../../pull/image-holders.ts'
import type { AdminAnswers } from './answers.ts'
import { defined } from './describe.ts'
import type { BlockHits } from './exclusion-contract.ts'

/** What a block of a digest, or the end of one, comes to. */
export type TellHits = (key: string) => Promise<BlockHits>

export interface BlockHitParts {
  readonly blockedAnswers: Pick<BlockedAnswers, 'tagsOf'>
  readonly pinBook: Pick<PinBook, 'get'>
  readonly isComplete: (digest: Digest) => boolean
  readonly imageHolders: ImageHolders
  readonly answers: Pick<AdminAnswers, 'nameOf' | 'resolution'>
}

/** Tags that are resolved, each of which may have its registry asked. */
const maxTags = 20
/** The longest that they are waited for, ms. */
const withinMs = 30_000

/** Finds the tags that stand for a digest, and resolves them as clients would now. */
export function createTellHits(parts: BlockHitParts): TellHits {
  const { answers, pinBook } = parts

  async function tellTag(
    key: TagReference,
    digest: Digest,
    signal: AbortSignal,
  ): Promise<BlockHits['tags'][number]> {
    const answer = await answers.resolution(key, { explain: false, signal })
    const { reason } = answer
    return {
      reference: formatTag(key),
      pinned: pinBook.get(key)?.target?.digest === digest,
      reason,
      ...(answer.found && defined({ digest: answer.digest, source: answer.source })),
    }
  }

  return async key => {
    const digest = parseDigest(key)
    if (digest === undefined) throw new Error(`${key} is no digest`)
    const signal = AbortSignal.timeout(withinMs)
    const keys = await parts.blockedAnswers.tagsOf(digest)
    const shown = keys.slice(0, maxTags)
    const [tags, holders] = await Promise.all([
      Promise.all(shown.map(one => tellTag(one, digest, signal))),
      parts.imageHolders(digest, signal),
    ])
    return {
      tags,
      moreTags: keys.length - shown.length,
      completeHere: parts.isComplete(digest),
      holders: holders.map(one => ({ ...one, ...defined({ name: answers.nameOf(one.id) }) })),
    }
  }
}

import { compareTexts } from '../ledger/record.ts'
import type { Digest } from '../oci/digest.ts'
import { formatTag, type ImageName, isTagName, type TagReference } from '../oci/reference.ts'
import type { BlockedAnswer, BlockedAnswers } from '../ports/blocked-answers.ts'
import type { LiveTarget, TagLedger } from '../ports/tag-ledger.ts'
import { createTurns } from '../ports/turns.ts'

/** An image of which it is asked whether it would start without its registry. */
export interface WantedImage {
  readonly key: ImageName
  /** Why it is asked about: an operator pinned it, something keeps it, pods run it, or it was named. */
  readonly why: 'pin' | 'keep' | 'running' | 'named'
  /** It is answered with its pin, whatever else was known of it. */
  readonly isPinned: boolean
  /** What it would be answered with first, and then, newest first; a pinned tag has one. Empty: nothing is known of it. */
  readonly digests: readonly Digest[]
  /** When the first of them was last confirmed by the tag's owner, ms since the epoch; absent for pins. */
  readonly confirmedAtMs: number | undefined
  /** What it would be answered with instead, had an operator not blocked that. Absent: no block stands in its way. */
  readonly blocked?: BlockedAnswer
}

/** What the keep set and its images are read from. */
export interface WantedSources {
  readonly ledger: Pick<TagLedger, 'pin' | 'history'>
  readonly blockedAnswers: Pick<BlockedAnswers, 'of'>
}

/** Earlier digests of a tag that are looked at. */
const maxEarlier = 5

/** What the ledger answers a tag with while its registry is away; a digest stands for itself. */
export function describeWanted(
  { ledger, blockedAnswers }: WantedSources,
  key: ImageName,
  why: 'keep' | 'running' | 'named',
): WantedImage {
  const unconfirmed = { key, isPinned: false, confirmedAtMs: undefined }
  if (key.digest !== undefined) return { ...unconfirmed, why, digests: [key.digest] }
  if (!isTagName(key)) return { ...unconfirmed, why, digests: [] }
  const pin = ledger.pin(key)
  if (pin !== undefined) {
    const isKept = why === 'keep'
    return { ...unconfirmed, why: isKept ? 'pin' : why, isPinned: true, digests: [pin.digest] }
  }
  const history = ledger.history(key)
  const blocked = blockedAnswers.of(key)
  return {
    key,
    why: blocked?.isPin && why === 'keep' ? 'pin' : why,
    isPinned: false,
    digests: history.slice(0, 1 + maxEarlier).map(({ digest }) => digest),
    confirmedAtMs: history[0]?.confirmedAtMs,
    ...(blocked && { blocked }),
  }
}

/**
 * What must stay available, in byte order of `registry/repository:tag`: what is pinned, and what is kept, also where a block leaves nothing
 * to answer with. Up to `limit` of it.
 */
export async function listKeepSet(
  targets: AsyncIterable<LiveTarget>,
  parts: WantedSources & {
    readonly isKept: (key: TagReference) => boolean
    /** Tags that blocks leave without their answer. */
    readonly blocked: readonly TagReference[]
  },
  limit: number,
): Promise<readonly WantedImage[]> {
  const turns = createTurns()
  const found = new Map<string, WantedImage>()
  for (const key of parts.blocked) {
    const image = describeWanted(parts, key, 'keep')
    if (image.why === 'pin' || parts.isKept(key)) found.set(formatTag(key), image)
  }
  for await (const { key, pinned } of targets) {
    if (pinned === undefined && !parts.isKept(key)) continue
    found.set(formatTag(key), describeWanted(parts, key, 'keep'))
    if (found.size >= limit) break
    await turns.take()
  }
  const inOrder = [...found].sort(([a], [b]) => compareTexts(a, b))
  return inOrder.slice(0, limit).map(([, image]) => image)
}

import type { Digest } from '../oci/digest.ts'
import { type ImageName, isTagName, type TagReference } from '../oci/reference.ts'
import type { LiveTarget, TagLedger } from '../ports/tag-ledger.ts'

/** An image of which it is asked whether it would start without its registry. */
export interface WantedImage {
  readonly key: ImageName
  /** Why it is asked about: an operator pinned it, something keeps it, pods run it, or it was named. */
  readonly why: 'pin' | 'keep' | 'running' | 'named'
  /** What it would be answered with first, and then, newest first; a pinned tag has one. Empty: nothing is known of it. */
  readonly digests: readonly Digest[]
  /** When the first of them was last confirmed by the tag's owner, ms since the epoch; absent for pins. */
  readonly confirmedAtMs: number | undefined
}

/** Earlier digests of a tag that are looked at. */
const maxEarlier = 5

/** What the ledger answers a tag with while its registry is away; a digest stands for itself. */
export function describeWanted(
  ledger: Pick<TagLedger, 'pin' | 'history'>,
  key: ImageName,
  why: 'keep' | 'running' | 'named',
): WantedImage {
  if (key.digest !== undefined) {
    return { key, why, digests: [key.digest], confirmedAtMs: undefined }
  }
  if (!isTagName(key)) return { key, why, digests: [], confirmedAtMs: undefined }
  const pin = ledger.pin(key)
  if (pin !== undefined) {
    const isKept = why === 'keep'
    return { key, why: isKept ? 'pin' : why, digests: [pin.digest], confirmedAtMs: undefined }
  }
  const history = ledger.history(key)
  return {
    key,
    why,
    digests: history.slice(0, 1 + maxEarlier).map(({ digest }) => digest),
    confirmedAtMs: history[0]?.confirmedAtMs,
  }
}

/** What must stay available, in byte order of `registry/repository:tag`: what is pinned, and what is kept. Up to `limit` of it. */
export async function listKeepSet(
  targets: AsyncIterable<LiveTarget>,
  parts: {
    readonly ledger: Pick<TagLedger, 'pin' | 'history'>
    readonly isKept: (key: TagReference) => boolean
  },
  limit: number,
): Promise<readonly WantedImage[]> {
  const found: WantedImage[] = []
  for await (const { key, pinned } of targets) {
    if (pinned === undefined && !parts.isKept(key)) continue
    if (found.push(describeWanted(parts.ledger, key, 'keep')) >= limit) break
  }
  return found
}

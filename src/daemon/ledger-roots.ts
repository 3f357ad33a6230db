import { setImmediate as nextTurn } from 'node:timers/promises'
import type { KeepSet } from '../keep/keep-set.ts'
import type { KeptImage } from '../keep/repair.ts'
import type { Running } from '../keep/running.ts'
import { compareTexts } from '../ledger/record.ts'
import type { Digest } from '../oci/digest.ts'
import { formatTag } from '../oci/reference.ts'
import type { Clock } from '../ports/clock.ts'
import type { LiveTarget, TagLedger } from '../ports/tag-ledger.ts'

/** What the ledger wants kept in the store. */
export interface LedgerRoots {
  /** Pins, every digest of the tags that are kept, and what pods of this node are made from. */
  readonly kept: readonly Digest[]
  /** What pinned tags, and those that are kept, are answered with, and what pods name by its digest. */
  readonly images: readonly KeptImage[]
  /** Digests, newest first, of each tag that moved lately and is not complete: until it is, an earlier one is what offline has. */
  readonly onTheMove: readonly (readonly Digest[])[]
}

/** How long a tag that moved may take to become complete before its earlier image is as good as any other, in ms. */
const moveMs = 7 * 24 * 3_600_000
/** Keys read before others have their turn: less than a ms. */
const pageKeys = 50
/** A walk is believed for so many times as long as it took, so that a full store does not spend its days walking. */
const believedShare = 20

/**
 * Walks the whole ledger, some keys at a time so that no client feels it: with a hundred thousand tags it takes seconds. What a small
 * ledger says is never older than a moment; that of a large one may be a minute old.
 */
export function createLedgerRoots(parts: {
  readonly ledger: Pick<TagLedger, 'liveTargets' | 'history' | 'trustedNowMs'>
  readonly isComplete: (digest: Digest) => boolean
  readonly keeps: Pick<KeepSet, 'isKept' | 'onChange'>
  readonly running: Pick<Running, 'isHere' | 'digestsHere' | 'byDigest'>
  readonly clock: Clock
}): () => Promise<LedgerRoots> {
  const { ledger, isComplete, keeps, running, clock } = parts
  let last: LedgerRoots = { kept: [], images: [], onTheMove: [] }
  let believedUntilMs = Number.NEGATIVE_INFINITY
  /** Of what is kept: a walk that one of them overtook is not believed. */
  let changes = 0
  keeps.onChange(() => {
    changes += 1
    believedUntilMs = Number.NEGATIVE_INFINITY
  })

  async function walk(): Promise<LedgerRoots> {
    const sinceMs = ledger.trustedNowMs() - moveMs
    const here = running.digestsHere()
    const named = running.byDigest()
    const kept: Digest[] = [...here, ...named.map(({ digest }) => digest)]
    const images: KeptImage[] = named.map(image => ({ ...image, isHere: here.has(image.digest) }))
    const onTheMove: (readonly Digest[])[] = []
    for await (const target of eachTarget(ledger)) {
      const isKept = keeps.isKept(target.key)
      kept.push(...keptOf(target, isKept))
      images.push(...imageOf(target, isKept, running.isHere(target.key)))
      if (!isKept) onTheMove.push(...movedSince(target, sinceMs))
    }
    return { kept, images, onTheMove }
  }

  function keptOf(target: LiveTarget, isKept: boolean): readonly Digest[] {
    const { pinned } = target
    const pins = pinned === undefined ? [] : [pinned]
    return isKept ? [...pins, ...historyOf(target)] : pins
  }

  /** Most tags of many stood for one digest only: they are not asked for more. */
  function historyOf({ key, live, hasEarlier }: LiveTarget): readonly Digest[] {
    if (hasEarlier) return ledger.history(key).map(({ digest }) => digest)
    return live === undefined ? [] : [live]
  }

  /** The digests of an incomplete tag, if it moved since then and one of them is of use: one list or none. */
  function movedSince(
    { key, live, hasEarlier }: LiveTarget,
    sinceMs: number,
  ): readonly (readonly Digest[])[] {
    if (live === undefined || !hasEarlier || isComplete(live)) return []
    const history = ledger.history(key)
    const hasMoved = (history[0]?.firstSeenMs ?? 0) > sinceMs
    const digests = history.map(({ digest }) => digest)
    return hasMoved && digests.some(isComplete) ? [digests] : []
  }

  return async () => {
    const beganMs = clock.monotonicMs()
    if (beganMs < believedUntilMs) return last
    const changesBefore = changes
    last = await walk()
    const endedMs = clock.monotonicMs()
    if (changes === changesBefore) believedUntilMs = endedMs + believedShare * (endedMs - beganMs)
    return last
  }
}

/** What a tag is answered with, if it is pinned or kept: one image or none. */
function imageOf(
  { key, live, pinned }: LiveTarget,
  isKept: boolean,
  isHere: boolean,
): readonly KeptImage[] {
  const digest = pinned ?? (isKept ? live : undefined)
  return digest === undefined ? [] : [{ repository: key, digest, isHere }]
}

/** Every key that answers with something, or those whose names begin with one of these texts; other work has its turn between pages. */
export async function* eachTarget(
  ledger: Pick<TagLedger, 'liveTargets'>,
  beginnings: readonly string[] = [''],
): AsyncGenerator<LiveTarget, void> {
  for (const beginning of apart(beginnings)) {
    for (let after: string | undefined; ; ) {
      const page = ledger.liveTargets({ beginning, after, limit: pageKeys })
      yield* page
      await nextTurn()
      const end = page.at(-1)
      if (end === undefined || page.length < pageKeys) break
      after = formatTag(end.key)
    }
  }
}

/** In order, without those that another one covers. */
function apart(beginnings: readonly string[]): readonly string[] {
  const found: string[] = []
  for (const text of [...new Set(beginnings)].sort(compareTexts)) {
    const last = found.at(-1)
    if (last === undefined || !text.startsWith(last)) found.push(text)
  }
  return found
}

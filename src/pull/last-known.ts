import type { Digest } from '../oci/digest.ts'
import type { Platform } from '../oci/platform.ts'
import type { TagReference } from '../oci/reference.ts'
import type { TagLedger } from '../ports/tag-ledger.ts'
import { findGaps, type GapParts } from './find-gaps.ts'

/** What a tag stood for when its registry was heard last. */
export interface LastKnown {
  readonly digest: Digest
  /** What clients of the platforms need of it and no node that is there holds: without the registry it cannot be had. */
  readonly gaps: readonly Digest[]
}

/**
 * Looks up what is remembered of a tag, and whether this node and the live members hold all of it; `undefined` when nothing is remembered.
 * What it has nothing for is no gap. Rejects when `signal` aborts.
 */
export type FindLastKnown = (
  key: TagReference,
  platforms: readonly Platform[],
  signal: AbortSignal,
) => Promise<LastKnown | undefined>

/** @param settings.patienceMs how long nodes that are slow to say what they hold are waited for */
export const createFindLastKnown =
  (
    { ledger, ...parts }: GapParts & { readonly ledger: Pick<TagLedger, 'live'> },
    { patienceMs }: { readonly patienceMs: number },
  ): FindLastKnown =>
  async (key, platforms, signal) => {
    const live = ledger.live(key)
    if (live === undefined) return undefined
    const { digest: target, origin: saidBy } = live
    const gaps = new Set<Digest>()
    for (const platform of platforms) {
      const question = { repository: key, target, platforms: [platform], saidBy }
      const found = await findGaps(parts, question, { patienceMs, signal })
      for (const { digest } of found ?? []) gaps.add(digest)
    }
    return { digest: target, gaps: [...gaps] }
  }

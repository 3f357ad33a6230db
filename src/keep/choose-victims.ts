import type { Digest } from '../oci/digest.ts'

/** Something that could be dropped. */
export interface Candidate {
  readonly digest: Digest
  /** Bytes. */
  readonly size: number
  readonly kind: 'blob' | 'partial'
  readonly lastUsedMs: number
}

/** Something to drop, and why: nobody used it for too long, or its room is needed. */
export interface Victim extends Candidate {
  readonly reason: 'unused' | 'room'
}

/** What a collection is to reach. */
export interface Goal {
  /** Frees this much if it can, beyond what is dropped as unused in any case. */
  readonly bytes: number
  /** Drop blobs not used since then; `undefined` keeps them. */
  readonly blobsBeforeMs: number | undefined
  readonly partialsBeforeMs: number
}

/**
 * Chooses what to drop: all that is expired, then the least recently used until enough is freed. Of what was used at the same
 * moment (a tree) the largest goes first: fewest deletions, and the manifests, which tell most, stay longest.
 */
export function chooseVictims(candidates: readonly Candidate[], goal: Goal): readonly Victim[] {
  const oldestFirst = candidates.toSorted(
    (a, b) => a.lastUsedMs - b.lastUsedMs || b.size - a.size || (a.digest < b.digest ? -1 : 1),
  )
  const isExpired = ({ kind, lastUsedMs }: Candidate) =>
    lastUsedMs < ((kind === 'partial' ? goal.partialsBeforeMs : goal.blobsBeforeMs) ?? 0)
  const victims: Victim[] = oldestFirst
    .filter(isExpired)
    .map(candidate => ({ ...candidate, reason: 'unused' }))
  let freed = victims.reduce((sum, { size }) => sum + size, 0)
  for (const candidate of oldestFirst) {
    if (freed >= goal.bytes) break
    if (isExpired(candidate)) continue
    victims.push({ ...candidate, reason: 'room' })
    freed += candidate.size
  }
  return victims
}

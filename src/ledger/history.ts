import type { Digest } from '../oci/digest.ts'
import { maxOrigins } from './merge.ts'
import {
  compareTexts,
  type LedgerRecord,
  type ObservationSource,
  type RecordTarget,
} from './record.ts'
import { compareStamps, type Stamp } from './stamp.ts'

/** Distinct digests remembered per key. */
export const maxDigests = 10

/**
 * What this node remembers of one digest of one key as one origin saw it; never replicated. Origins are kept apart so that a ban
 * takes an origin's word away and leaves the others'.
 */
export interface Sighting {
  readonly target: RecordTarget
  readonly origin: string
  readonly source: ObservationSource
  /** Of that origin's newest record of this digest. */
  readonly stamp: Stamp
  /** ms since the epoch, trusted time, as are the next two. */
  readonly firstSeenMs: number
  readonly lastSeenMs: number
  /** When the tag's owner last confirmed it to this node. */
  readonly confirmedMs: number | undefined
}

/** A key's history after one more sighting; digests beyond the last ten are dropped, never the live one. */
export function mergeSighting(
  held: readonly Sighting[],
  seen: Sighting,
  live: Digest | undefined,
): readonly Sighting[] {
  const rest = held.filter(s => s.origin !== seen.origin || s.target.digest !== seen.target.digest)
  const known = held.find(s => s.origin === seen.origin && s.target.digest === seen.target.digest)
  const merged = known === undefined ? seen : combine(known, seen)
  return trim([...rest, merged], live)
}

function combine(known: Sighting, seen: Sighting): Sighting {
  const newer = compareStamps(seen.stamp, known.stamp) >= 0 ? seen : known
  return {
    ...newer,
    firstSeenMs: Math.min(known.firstSeenMs, seen.firstSeenMs),
    lastSeenMs: Math.max(known.lastSeenMs, seen.lastSeenMs),
    confirmedMs: latest(known.confirmedMs, seen.confirmedMs),
  }
}

function trim(sightings: readonly Sighting[], live: Digest | undefined): readonly Sighting[] {
  const newestFirst = [...sightings].sort((a, b) => compareSightings(b, a))
  const kept = new Set<Digest>(live === undefined ? [] : [live])
  for (const { target } of newestFirst) {
    if (kept.size >= maxDigests) break
    kept.add(target.digest)
  }
  const origins = new Map<Digest, number>()
  return newestFirst.filter(({ target, confirmedMs }) => {
    const before = origins.get(target.digest) ?? 0
    origins.set(target.digest, before + 1)
    return kept.has(target.digest) && (before < maxOrigins || confirmedMs !== undefined)
  })
}

/** The order of sightings: stamp, origin, digest; negative when `a` is older. */
export function compareSightings(a: Sighting, b: Sighting): number {
  return (
    compareStamps(a.stamp, b.stamp) ||
    compareTexts(a.origin, b.origin) ||
    compareTexts(a.target.digest, b.target.digest)
  )
}

/** The later of two times, either of which may be missing. */
export function latest(a: number | undefined, b: number | undefined): number | undefined {
  if (a === undefined || b === undefined) return a ?? b
  return Math.max(a, b)
}

/** What an observation record leaves in the history of a node that took it at `atMs` (trusted time). */
export function sightingOf(
  record: LedgerRecord,
  target: RecordTarget,
  atMs: number,
  confirmedMs: number | undefined,
): Sighting {
  return {
    target,
    origin: record.origin,
    source: record.source ?? 'upstream',
    stamp: record.stamp,
    firstSeenMs: atMs,
    lastSeenMs: atMs,
    confirmedMs,
  }
}

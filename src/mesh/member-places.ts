import type { MemberEntry } from './member-entry.ts'

/** A member that was met has its place for so long after it was heard last, ms: it may just be starting anew. */
const returnMs = 3_600_000

/** Who goes when the table is full: the lower, the sooner. `undefined`: a neighbour, who never does. */
function rankOf(entry: MemberEntry, nowMs: number): number | undefined {
  if (entry.isNeighbour) return undefined
  const isGone = entry.state === 'gone'
  if (!entry.wasMet) {
    if (isGone) return 0
    // It says hello, and nobody answers where it says it is.
    return entry.downSinceMs === undefined ? firstPresent : 1
  }
  const silentMs = nowMs - Math.max(entry.lastSeenMs, entry.knownSinceMs)
  if (!isGone) return 5
  return silentMs > returnMs ? 2 : 4
}

const firstPresent = 3

/**
 * Who makes room in a full table. For a node of which there is only a word: whoever is gone, or was never met and does not answer, the
 * longest silent first. For one that is connected also whoever is there, those that were never met first, and of them the newest: so a
 * crowd of made-up nodes takes no place from those that were here before, nor from any that is connected.
 */
export function whoLeaves(
  entries: Iterable<MemberEntry>,
  newcomer: { readonly isNeighbour: boolean },
  nowMs: number,
): MemberEntry | undefined {
  let leaving: { readonly entry: MemberEntry; readonly rank: number } | undefined
  for (const entry of entries) {
    const rank = rankOf(entry, nowMs)
    if (rank === undefined || (rank >= firstPresent && !newcomer.isNeighbour)) continue
    if (leaving !== undefined && !goesBefore(entry, rank, leaving)) continue
    leaving = { entry, rank }
  }
  return leaving?.entry
}

function goesBefore(
  entry: MemberEntry,
  rank: number,
  other: { readonly entry: MemberEntry; readonly rank: number },
): boolean {
  if (rank !== other.rank) return rank < other.rank
  // Entries come in the order in which they became known.
  return rank >= firstPresent || entry.lastSeenMs < other.entry.lastSeenMs
}

/** Of those that are only heard of, the newest: whether it is there at all is worth a question when there is no room. */
export function newestUnmet(
  entries: Iterable<MemberEntry>,
  nowMs: number,
): MemberEntry | undefined {
  let newest: MemberEntry | undefined
  for (const entry of entries) {
    const isOpen = !entry.wasMet && entry.downSinceMs === undefined && entry.nextProbeMs <= nowMs
    if (isOpen && entry.state === 'alive') newest = entry
  }
  return newest
}

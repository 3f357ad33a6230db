import { maxAheadMs } from './stamp.ts'

/** One node's word about the time. */
export interface TimeSample {
  /** Its trusted time less this node's monotonic clock, ms. */
  readonly anchorMs: number
  /** A registry told it. */
  readonly isVerified: boolean
}

/** So many voices make the time known. */
const quorum = 3

/** A clock this close to the others is left as it is: nodes that followed each other's last second would drift away together. */
const leftAloneMs = 30_000

/**
 * What the nodes of a cluster agree on: the anchor to go by, or `undefined` where they do not. Those whom a registry told the time are
 * heard first, then all. At least three voices within five minutes of each other, more than all the rest, decide; this node's own
 * clock is one of them when it is among those, and to move it takes three others. So two nodes never decide, and neither a first
 * nor a joining node with a wrong clock moves anybody.
 */
export function agreeOnTime(
  samples: readonly TimeSample[],
  ownAnchorMs: number,
): number | undefined {
  const verified = samples.filter(sample => sample.isVerified)
  return decide(verified, ownAnchorMs) ?? decide(samples, ownAnchorMs)
}

function decide(samples: readonly TimeSample[], ownAnchorMs: number): number | undefined {
  const group = largestGroup(samples.map(sample => sample.anchorMs))
  const middle = group[group.length >> 1]
  if (middle === undefined) return undefined
  const awayMs = Math.abs(middle - ownAnchorMs)
  const isOwnAmongThem = awayMs <= maxAheadMs
  const voices = group.length + (isOwnAmongThem ? 1 : 0)
  if (voices < quorum || 2 * voices <= samples.length + 1) return undefined
  return awayMs <= leftAloneMs ? ownAnchorMs : middle
}

/** The most anchors that lie within what is believed of each other, in order. */
function largestGroup(anchors: readonly number[]): readonly number[] {
  const sorted = [...anchors].sort((a, b) => a - b)
  let best: readonly number[] = []
  let from = 0
  for (const [to, anchor] of sorted.entries()) {
    while (anchor - (sorted[from] ?? anchor) > maxAheadMs) from += 1
    if (to + 1 - from > best.length) best = sorted.slice(from, to + 1)
  }
  return best
}

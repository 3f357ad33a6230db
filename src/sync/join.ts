import { leafCount } from '../ledger/leaf.ts'
import type { Clock } from '../ports/clock.ts'
import type { NodeId } from '../ports/node-id.ts'
import type { SnapshotProgress } from './snapshot.ts'

/** Below so many records comparing is as good. */
const worthRecords = 1_000

/** A node that holds less than this share of the other's records takes all of them. */
const worthShare = 0.25

/** Whether a node that holds so many of so many records takes all of them. */
export const isLittle = (held: number, of: number): boolean =>
  of >= worthRecords && held < of * worthShare

/** Whoever took a snapshot and still holds little does not take what others hold: comparing tells what. ms. */
const againMs = 3_600_000

/** Fetches everything from one member, and from the next where one ended. */
export interface Join {
  /** Whether so much is missing, by the number of records there and here, that it is fetched as a whole. */
  isWanted(theirs: number, ours: number): boolean
  run(id: NodeId, signal: AbortSignal): Promise<SnapshotProgress>
  /** The share of all leaves that came so far; `undefined` when nothing is being fetched. */
  share(): number | undefined
}

/** Goes on where the last one ended. */
export function createJoin(parts: {
  readonly clock: Clock
  readonly fetch: (id: NodeId, from: number, signal: AbortSignal) => Promise<SnapshotProgress>
}): Join {
  let nextLeaf = 0
  let isRunning = false
  let notBeforeMs = Number.NEGATIVE_INFINITY

  return {
    isWanted(theirs, ours) {
      if (theirs < worthRecords || parts.clock.monotonicMs() < notBeforeMs) return false
      return nextLeaf > 0 || isLittle(ours, theirs)
    },
    async run(id, signal) {
      isRunning = true
      try {
        const progress = await parts.fetch(id, nextLeaf, signal)
        nextLeaf = progress.result === 'whole' ? 0 : progress.nextLeaf
        if (progress.result === 'whole') notBeforeMs = parts.clock.monotonicMs() + againMs
        return progress
      } finally {
        isRunning = false
      }
    },
    share: () => (isRunning || nextLeaf > 0 ? nextLeaf / leafCount : undefined),
  }
}

import { LRUCache } from 'lru-cache'
import type { Digest } from '../oci/digest.ts'
import type { Clock } from '../ports/clock.ts'
import type { NodeId } from '../ports/node-id.ts'

/** A holder that did not have it, or lied, is not named again for so long, ms. */
const lackedMs = 10_000
const liedMs = 10 * 60_000
const maxDoubted = 10_000
const maxLiars = 1_000
/** Lies about different blobs after which a node is named for none. */
const maxLies = 3

/** Whose word about holding something is not believed for a while. */
export interface HolderDoubts {
  isBelieved(id: NodeId, digest: Digest): boolean
  /** It was asked and does not have it. */
  lacked(id: NodeId, digest: Digest): void
  /** It sent something else. */
  lied(id: NodeId, digest: Digest): void
}

/** Everybody is believed at first. */
export function createHolderDoubts({
  clock,
}: {
  readonly clock: Pick<Clock, 'monotonicMs'>
}): HolderDoubts {
  const doubted = new LRUCache<string, number>({ max: maxDoubted })
  const lies = new LRUCache<NodeId, { readonly count: number; readonly untilMs: number }>({
    max: maxLiars,
  })

  function isOver(untilMs: number | undefined): boolean {
    return (untilMs ?? 0) <= clock.monotonicMs()
  }

  return {
    isBelieved(id, digest) {
      const liar = lies.get(id)
      const isLiar = liar !== undefined && liar.count >= maxLies && !isOver(liar.untilMs)
      return !isLiar && isOver(doubted.get(`${id} ${digest}`))
    },
    lacked(id, digest) {
      doubted.set(`${id} ${digest}`, clock.monotonicMs() + lackedMs)
    },
    lied(id, digest) {
      const untilMs = clock.monotonicMs() + liedMs
      const before = lies.get(id)
      const count = before !== undefined && !isOver(before.untilMs) ? before.count : 0
      lies.set(id, { count: count + 1, untilMs })
      doubted.set(`${id} ${digest}`, untilMs)
    },
  }
}

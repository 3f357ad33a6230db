import type { Clock } from '../ports/clock.ts'
import type { NodeId } from '../ports/node-id.ts'
import type { Timers } from '../ports/timers.ts'

/** Neighbours that left, for as long as they are looked for. */
export interface MissingNeighbours {
  left(id: NodeId): void
  /** It is back. */
  joined(id: NodeId): void
  has(id: NodeId): boolean
  close(): void
}

/** How often they are looked for, and for how long, ms. */
const everyMs = 2_000
const forMs = 120_000

/**
 * Whoever comes back without memory of the others has to be found by them, and soon: `look` is called while somebody is missing. How often
 * an address is really dialled is the back-off's business.
 */
export function watchForMissing(
  parts: {
    readonly clock: Pick<Clock, 'monotonicMs'>
    readonly timers: Timers
    readonly random: () => number
  },
  look: () => void,
): MissingNeighbours {
  const { clock, timers, random } = parts
  const sinceMs = new Map<NodeId, number>()
  let cancel: (() => void) | undefined

  function later(): void {
    cancel ??= timers.after(everyMs * (0.75 + random() / 2), () => {
      cancel = undefined
      for (const [id, leftMs] of sinceMs) {
        if (clock.monotonicMs() - leftMs > forMs) sinceMs.delete(id)
      }
      if (sinceMs.size === 0) return
      look()
      later()
    })
  }

  return {
    left(id) {
      sinceMs.set(id, clock.monotonicMs())
      later()
    },
    joined: id => void sinceMs.delete(id),
    has: id => sinceMs.has(id),
    close() {
      cancel?.()
      sinceMs.clear()
    },
  }
}

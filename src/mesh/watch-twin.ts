import type { Timers } from '../ports/timers.ts'

/** Tells connections of a node with itself from those with a node that has a copy of its key. */
export interface TwinWatch {
  /** A dial led to this node's own key. */
  dialled(address: string): void
  /** Somebody with this node's own key dialled it. */
  arrived(): void
  close(): void
}

/** Both ends of a connection with oneself show within this, ms. */
const settleMs = 2_000
/** Ends that wait for their other one. */
const maxWaiting = 16

interface End {
  readonly settle: () => void
}

/**
 * Who dials himself, as over the address of a service, is dialled at the same moment; of a connection with a twin this node sees one end
 * alone. Two that dial each other at the same moment look like one: they do so once, not always.
 *
 * @param parts.onTwin with the address where the twin was met, if it was dialled
 */
export function createTwinWatch(parts: {
  readonly timers: Timers
  readonly onTwin: (address: string | undefined) => void
}): TwinWatch {
  const { timers, onTwin } = parts
  const outward = new Set<End>()
  const inward = new Set<End>()

  function note(own: Set<End>, others: Set<End>, address: string | undefined): void {
    const [match] = others
    if (match !== undefined) {
      match.settle()
      others.delete(match)
      return
    }
    if (own.size >= maxWaiting) return
    const settle = timers.after(settleMs, () => {
      own.delete(end)
      onTwin(address)
    })
    const end: End = { settle }
    own.add(end)
  }

  return {
    dialled: address => note(outward, inward, address),
    arrived: () => note(inward, outward, undefined),
    close() {
      for (const end of [...outward, ...inward]) end.settle()
      outward.clear()
      inward.clear()
    },
  }
}

import type { NodeId } from '../../ports/node-id.ts'

/** Lets so many in at a time, of all nodes and of each; nobody waits. */
export interface Turnstile {
  /** Gives the way out, to be called once; `undefined` when it is full. */
  enter(id: NodeId): (() => void) | undefined
}

/** Makes one that nobody is in. */
export function createTurnstile(most: {
  readonly total: number
  readonly each: number
}): Turnstile {
  const inside = new Map<NodeId, number>()
  let total = 0
  return {
    enter(id) {
      const own = inside.get(id) ?? 0
      if (total >= most.total || own >= most.each) return undefined
      total += 1
      inside.set(id, own + 1)
      let isOut = false
      return () => {
        if (isOut) return
        isOut = true
        total -= 1
        const left = (inside.get(id) ?? 1) - 1
        if (left === 0) inside.delete(id)
        else inside.set(id, left)
      }
    },
  }
}

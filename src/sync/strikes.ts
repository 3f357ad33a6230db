import type { Clock } from '../ports/clock.ts'
import type { NodeId } from '../ports/node-id.ts'

/** So many within {@link withinMs} are no accident. */
const limit = 5
const withinMs = 600_000

/** Nodes whose strikes are counted; beyond it the oldest are forgotten. */
const maxNodes = 1_000

/** Counts what nodes do that no sound node does. */
export interface Strikes {
  add(id: NodeId): void
}

/** `onMisbehaviour` is called when a node went too far; counting then begins anew. */
export function createStrikes(parts: {
  readonly clock: Clock
  readonly onMisbehaviour: (id: NodeId) => void
}): Strikes {
  const strikes = new Map<NodeId, number[]>()
  return {
    add(id) {
      const nowMs = parts.clock.monotonicMs()
      const recent = (strikes.get(id) ?? []).filter(ms => ms > nowMs - withinMs)
      strikes.delete(id)
      recent.push(nowMs)
      if (recent.length < limit) {
        const oldest = strikes.size < maxNodes ? undefined : strikes.keys().next().value
        if (oldest !== undefined) strikes.delete(oldest)
        strikes.set(id, recent)
      } else parts.onMisbehaviour(id)
    },
  }
}

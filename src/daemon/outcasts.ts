import type { Clock } from '../ports/clock.ts'
import type { Log } from '../ports/log.ts'
import type { NodeId } from '../ports/node-id.ts'

/** Nodes that this one has nothing to do with: who is banned, and for a while who said what no node says. */
export interface Outcasts {
  isOut(id: NodeId): boolean
  /** It went too far. */
  expel(id: NodeId): void
  /** Calls back when somebody may be out who was not before: connections are to be looked through. */
  onMore(listener: () => void): void
  close(): void
}

/** How long who was expelled stays out, ms. */
const expelledMs = 300_000
/** Nodes remembered; whoever can make up more has the cluster key. */
const maxExpelled = 1_000

/** Follows the bans of the ledger. */
export function createOutcasts(parts: {
  readonly bans: {
    isBanned(id: NodeId): boolean
    onExclusions(listener: () => void): () => void
  }
  readonly clock: Pick<Clock, 'monotonicMs'>
  readonly log: Log
}): Outcasts {
  const { bans, clock, log } = parts
  const expelled = new Map<NodeId, number>()
  const listeners = new Set<() => void>()
  const stop = bans.onExclusions(tell)

  function tell(): void {
    for (const listener of listeners) listener()
  }

  return {
    isOut: id => bans.isBanned(id) || (expelled.get(id) ?? 0) > clock.monotonicMs(),
    expel(id) {
      log.warn({ peer: id, forMs: expelledMs }, 'a node says what no node says: kept out')
      expelled.delete(id) // to the end: the oldest is forgotten first
      expelled.set(id, clock.monotonicMs() + expelledMs)
      const [oldest] = expelled.keys()
      if (expelled.size > maxExpelled && oldest !== undefined) expelled.delete(oldest)
      tell()
    },
    onMore: listener => void listeners.add(listener),
    close: stop,
  }
}

import type { Clock } from '../../ports/clock.ts'
import type { NodeId } from '../../ports/node-id.ts'

/** So many rejected messages at once are forgiven; one more is forgiven each {@link forgetMs}. */
const tolerated = 20
const forgetMs = 3_000
/** How long a node that sent more is kept out. */
const banMs = 60_000
/** Nodes remembered; whoever can make up more has the cluster key. */
const maxRemembered = 1_024

/** Holds rejected messages against who handed them on. */
export interface Penalties {
  /** Says whether it was one too many: the node is to be hung up on. */
  add(id: NodeId): boolean
  isKeptOut(id: NodeId): boolean
}

interface Account {
  readonly points: number
  readonly atMs: number
  readonly keptOutUntilMs: number
}

/** Nobody has a bad name at first. */
export function createPenalties(clock: Clock): Penalties {
  const accounts = new Map<NodeId, Account>()

  return {
    add(id) {
      const nowMs = clock.monotonicMs()
      const { points = 0, atMs = nowMs, keptOutUntilMs = 0 } = accounts.get(id) ?? {}
      const raised = Math.max(0, points - (nowMs - atMs) / forgetMs) + 1
      const isTooMuch = raised > tolerated
      accounts.delete(id) // to the end: the oldest is forgotten first
      accounts.set(id, {
        points: isTooMuch ? 0 : raised,
        atMs: nowMs,
        // What was under way when it was hung up on does not let it in again.
        keptOutUntilMs: isTooMuch ? nowMs + banMs : keptOutUntilMs,
      })
      const [oldest] = accounts.keys()
      if (accounts.size > maxRemembered && oldest !== undefined) accounts.delete(oldest)
      return isTooMuch
    },
    isKeptOut: id => (accounts.get(id)?.keptOutUntilMs ?? 0) > clock.monotonicMs(),
  }
}

import type { Clock } from '../../ports/clock.ts'
import type { Sender } from '../../ports/upstream.ts'

/** Endpoints whose answers about something came to nothing, for a while. */
export interface Doubts {
  /** Greater the later its answer broke off; 0 when it did not. */
  lastBroke(item: string, endpoint: string): number
  /** Its answer was false. */
  hasLied(item: string, endpoint: string): boolean
  /** One endpoint of `all` who answers, and how to doubt it. */
  sender(item: string, endpoint: string, all: readonly string[]): Sender
}

interface Doubt {
  readonly untilMs: number
  /** Grows with every doubt. */
  readonly order: number
}

/** How long an endpoint is doubted, ms: a client tries again sooner, and who mends an endpoint takes longer. */
const doubtMs = 60_000
/** Doubts remembered at the most. */
const maxDoubts = 1_000

/** Makes the memory of doubts; an item is whatever an answer is about. */
export function createDoubts(clock: Pick<Clock, 'monotonicMs'>): Doubts {
  const doubts = new Map<string, Doubt>()
  let lastOrder = 0

  const lieOf = (item: string, endpoint: string) => `lie ${item} ${endpoint}`
  const breakOf = (item: string, endpoint: string) => `break ${item} ${endpoint}`

  function add(name: string): void {
    lastOrder += 1
    doubts.delete(name) // so that the oldest is the first
    doubts.set(name, { untilMs: clock.monotonicMs() + doubtMs, order: lastOrder })
    const [oldest] = doubts.keys()
    if (doubts.size > maxDoubts && oldest !== undefined) doubts.delete(oldest)
  }

  function find(name: string): number {
    const doubt = doubts.get(name)
    return doubt !== undefined && doubt.untilMs > clock.monotonicMs() ? doubt.order : 0
  }

  const lastBroke = (item: string, endpoint: string) => find(breakOf(item, endpoint))
  const hasLied = (item: string, endpoint: string) => find(lieOf(item, endpoint)) > 0

  return {
    lastBroke,
    hasLied,
    sender(item, endpoint, all) {
      const believed = () => all.filter(other => !hasLied(item, other))
      return {
        name: endpoint,
        broke() {
          add(breakOf(item, endpoint))
          return believed().some(other => lastBroke(item, other) === 0)
        },
        lied() {
          add(lieOf(item, endpoint))
          if (believed().length > 0) return true
          for (const liar of all) doubts.delete(lieOf(item, liar))
          return false
        },
      }
    },
  }
}

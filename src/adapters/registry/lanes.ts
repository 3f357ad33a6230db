import type { UpstreamFailure } from '../../ports/errors.ts'
import { type Breaker, createBreaker } from './breaker.ts'
import type { Timing } from './probe.ts'

/** Breakers kept at a time; beyond that the oldest is forgotten, which only means that its repository is asked again. */
const maxLanes = 1_000
/** Background questions for single repositories at a time. */
const maxAsking = 4
/** A breaker that nobody asked about for so long is forgotten, so that no repository is asked for ever. */
const forgetAfterMs = 10 * 60_000

interface Lane {
  readonly breaker: Breaker
  lastAskedMs: number
}

/** The breakers of single repositories at one endpoint; those that are closed and clean are not kept. */
export interface Lanes {
  /** The breaker that has something to say, if there is one. Counts as asking about it. */
  find(name: string): Breaker | undefined
  /** The breaker for a failure to be told to. */
  open(name: string): Breaker
  /** An answer came: what was open closes, and the past is forgotten. */
  succeed(name: string): void
  /** How many are open. */
  openCount(): number
  /** Asks for all that are open now rather than later. */
  hurry(): void
  /** Ends all background questions. */
  stop(): void
}

/** Makes the keeper. `mayProbe`: whether asking for single repositories makes sense at all. */
export function createLanes(
  timing: Timing,
  hooks: {
    readonly onOpened: (name: string, failure: UpstreamFailure) => void
    readonly onClosed: (name: string) => void
    readonly mayProbe: () => boolean
  },
): Lanes {
  const lanes = new Map<string, Lane>()
  const now = (): number => timing.clock.monotonicMs()

  function forget(name: string): void {
    lanes.get(name)?.breaker.stop()
    lanes.delete(name)
  }

  function mayProbe(name: string): boolean {
    const lane = lanes.get(name)
    if (lane !== undefined && now() - lane.lastAskedMs > forgetAfterMs) forget(name)
    if (!lanes.has(name) || !hooks.mayProbe()) return false
    let asking = 0
    for (const { breaker } of lanes.values()) if (breaker.state() === 'half-open') asking += 1
    return asking < maxAsking
  }

  function create(name: string): Breaker {
    const oldest = lanes.keys().next()
    if (lanes.size >= maxLanes && !oldest.done) forget(oldest.value)
    const breaker = createBreaker(timing, {
      onOpened: failure => hooks.onOpened(name, failure),
      onClosed: () => hooks.onClosed(name),
      mayProbe: () => mayProbe(name),
    })
    lanes.set(name, { breaker, lastAskedMs: now() })
    return breaker
  }

  return {
    find(name) {
      const lane = lanes.get(name)
      if (lane !== undefined) lane.lastAskedMs = now()
      return lane?.breaker
    },
    open: name => lanes.get(name)?.breaker ?? create(name),
    succeed(name) {
      const lane = lanes.get(name)
      if (lane === undefined) return
      lanes.delete(name)
      lane.breaker.succeed()
    },
    openCount: () => [...lanes.values()].filter(({ breaker }) => breaker.isOpen()).length,
    hurry() {
      for (const { breaker } of lanes.values()) breaker.hurry()
    },
    stop() {
      for (const name of [...lanes.keys()]) forget(name)
    },
  }
}

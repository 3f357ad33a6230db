import type { Clock } from '../ports/clock.ts'

/** How much faster than real time the usage clock may run to catch up with the wall. */
const maxPace = 2

/**
 * The time by which content counts as unused, in ms since the epoch. It never goes back, and in a day of running it advances at
 * least one and at most two days towards the wall clock. So a node that was switched off for half a year does not forget everything
 * when it boots, and a wall clock that stands at 1970 or jumps ten years ahead neither reverses nor expires anything.
 *
 * @param newestUseMs the newest use that an earlier run recorded, where this clock goes on; `undefined` when there is none
 */
export function createUsageClock(clock: Clock, newestUseMs: number | undefined): () => number {
  const startedMs = clock.monotonicMs()
  const originMs = newestUseMs ?? clock.wallMs()
  let lastMs = originMs
  return () => {
    const ranMs = clock.monotonicMs() - startedMs
    const slowest = originMs + ranMs
    const fastest = originMs + ranMs * maxPace
    lastMs = Math.max(lastMs, Math.min(Math.max(clock.wallMs(), slowest), fastest))
    return lastMs
  }
}

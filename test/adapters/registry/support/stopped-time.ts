import type { Clock } from '../../../../src/ports/clock.ts'

/** Time that stands still until a test moves it. */
export interface StoppedTime {
  readonly clock: Clock
  /** Has the shape of a timer: returns what cancels it. */
  readonly schedule: (delayMs: number, run: () => void) => () => void
  /** Moves on, and runs what falls due on the way, each at its own moment. */
  advance(ms: number): void
  /** How far away each thing is that waits, ms, nearest first. */
  waiting(): readonly number[]
}

/** Makes time that stands still at `wallMs`. */
export function stopTime(wallMs = Date.parse('2026-01-01T00:00:00Z')): StoppedTime {
  const waiting = new Set<{ readonly atMs: number; readonly run: () => void }>()
  let nowMs = 0

  const sorted = () => [...waiting].sort((a, b) => a.atMs - b.atMs)

  return {
    clock: { wallMs: () => wallMs + nowMs, monotonicMs: () => nowMs },
    schedule(delayMs, run) {
      const entry = { atMs: nowMs + delayMs, run }
      waiting.add(entry)
      return () => waiting.delete(entry)
    },
    advance(ms) {
      const untilMs = nowMs + ms
      for (let [due] = sorted(); due !== undefined && due.atMs <= untilMs; [due] = sorted()) {
        waiting.delete(due)
        nowMs = Math.max(nowMs, due.atMs)
        due.run()
      }
      nowMs = untilMs
    },
    waiting: () => sorted().map(({ atMs }) => atMs - nowMs),
  }
}

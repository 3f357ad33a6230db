import type { Clock } from '../../src/ports/clock.ts'

/** A clock that stands still until it is moved. */
export interface MovableClock extends Clock {
  /** Time passes, on both clocks. */
  pass(ms: number): void
  /** Somebody sets the wall clock; the other one does not jump. */
  setWall(ms: number): void
}

/** Starts at `wallMs`, in ms since the epoch. */
export function createMovableClock(wallMs: number): MovableClock {
  let wall = wallMs
  let monotonic = 1_000
  return {
    wallMs: () => wall,
    monotonicMs: () => monotonic,
    pass(ms) {
      wall += ms
      monotonic += ms
    },
    setWall(ms) {
      wall = ms
    },
  }
}

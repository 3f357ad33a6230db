import { setImmediate as turn } from 'node:timers/promises'
import type { Timers } from '../../src/ports/timers.ts'
import { createDueTimes } from './due-times.ts'
import type { MovableClock } from './movable-clock.ts'

/** Timers on a clock that stands still until it is moved. */
export interface MovableTimers extends Timers {
  /** Runs what is due by now, and what follows from it. */
  runDue(): Promise<void>
  /** Moves the clock on; what falls due on the way runs at its own moment. */
  pass(ms: number): Promise<void>
  /** Lets everything run that needs no time. */
  settle(): Promise<void>
}

/** Nothing is due yet. `turns` of the event loop are given to what follows from one timer. */
export function createMovableTimers(clock: MovableClock, turns = 12): MovableTimers {
  const due = createDueTimes<{ run: (() => void) | undefined }>()

  async function settle(): Promise<void> {
    for (let i = 0; i < turns; i++) await turn()
  }

  async function runDue(): Promise<void> {
    for (;;) {
      const nextMs = due.nextMs()
      if (nextMs === undefined || nextMs > clock.monotonicMs()) return
      due.take()?.run?.()
      if ((due.nextMs() ?? Number.POSITIVE_INFINITY) > clock.monotonicMs()) await settle()
    }
  }

  return {
    settle,
    runDue,
    after(ms, run) {
      const entry: { run: (() => void) | undefined } = { run }
      due.add(clock.monotonicMs() + Math.max(0, ms), entry)
      return () => {
        entry.run = undefined
      }
    },
    async pass(ms) {
      const untilMs = clock.monotonicMs() + ms
      await settle()
      for (;;) {
        const nextMs = due.nextMs()
        if (nextMs === undefined || nextMs > untilMs) break
        clock.pass(Math.max(0, nextMs - clock.monotonicMs()))
        await runDue()
      }
      clock.pass(untilMs - clock.monotonicMs())
      await settle()
    },
  }
}

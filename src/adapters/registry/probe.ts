import type { Clock } from '../../ports/clock.ts'

/** Runs something once after a while; the result cancels it. Handed in, so that a test can move time. */
export type Schedule = (delayMs: number, run: () => void) => () => void

/** The event loop's own timers. They keep no process alive. */
export const systemSchedule: Schedule = (delayMs, run) => {
  const timer = setTimeout(run, delayMs).unref()
  return () => clearTimeout(timer)
}

/** What everything that waits needs. */
export interface Timing {
  readonly clock: Clock
  readonly schedule: Schedule
  /** Between 0 and 1, 1 excluded. */
  readonly random: () => number
}

const firstIntervalMs = 2_000
const longestIntervalMs = 15_000
/** Between the end of one question and the next, however long it took. */
const shortestPauseMs = 500

/** A question for the background, bounded by itself. How it ends is its own business: it keeps the books. */
export type Again = () => Promise<unknown>

/** A background question, asked again and again until somebody stops it. */
export interface Probe {
  /** Begins, with the shortest pause. */
  start(ask: Again): void
  /** Asks no more. A question under way may end in peace: its connection is worth keeping. */
  stop(): void
  /** Asks at once unless that is being done; the pauses start short again. */
  hurry(): void
  /** Somebody would have asked just now: the next question comes as soon after the last as the shortest interval allows. */
  want(): void
  isRunning(): boolean
  /** A question is under way. */
  isAsking(): boolean
}

/**
 * Makes a probe, stopped. It asks for the first time after 2 s, then less and less often, never more than 15 s apart as long as
 * questions end sooner than that; every interval is shortened at random by up to a quarter, so that nodes do not ask in step. Never
 * two questions at a time. Who wants an answer meanwhile is not made to wait for the longer intervals.
 *
 * @param mayAsk `false` puts a question off to the next interval
 */
export function createProbe(
  { clock, schedule, random }: Timing,
  mayAsk: () => boolean = () => true,
): Probe {
  let question: Again | undefined
  let intervalMs = firstIntervalMs
  let isAsking = false
  /** On the monotonic clock: when the last interval began, and when the next question is due. */
  let beganMs = 0
  let dueMs = 0
  let cancel = (): void => {}

  function arm(spentMs: number): void {
    beganMs = clock.monotonicMs() - spentMs
    askAt(beganMs + shortened(intervalMs))
  }

  function askAt(atMs: number): void {
    const nowMs = clock.monotonicMs()
    dueMs = Math.max(atMs, nowMs + shortestPauseMs)
    cancel()
    cancel = schedule(dueMs - nowMs, tick)
  }

  function shortened(ms: number): number {
    return ms * (1 - random() / 4)
  }

  function tick(): void {
    if (question === undefined || isAsking) return
    if (!mayAsk()) {
      if (question !== undefined) arm(0)
      return
    }
    isAsking = true
    const startedMs = clock.monotonicMs()
    const ended = (): void => {
      isAsking = false
      if (question === undefined) return
      intervalMs = Math.min(intervalMs * 2, longestIntervalMs)
      arm(clock.monotonicMs() - startedMs)
    }
    question().then(ended, ended)
  }

  return {
    start(ask) {
      question = ask
      intervalMs = firstIntervalMs
      arm(0)
    },
    stop() {
      question = undefined
      cancel()
    },
    hurry() {
      if (question === undefined) return
      intervalMs = firstIntervalMs
      cancel()
      tick()
    },
    want() {
      const soonestMs = Math.max(beganMs + firstIntervalMs, clock.monotonicMs())
      // Only ever sooner: who wants it all the time must not put it off all the time.
      if (question === undefined || isAsking || soonestMs + shortestPauseMs >= dueMs) return
      askAt(soonestMs)
    },
    isRunning: () => question !== undefined,
    isAsking: () => isAsking,
  }
}

import type { UpstreamFailure } from '../../ports/errors.ts'
import { type Again, createProbe, type Timing } from './probe.ts'

/** Failures in a row, with no success between, that open a breaker. */
const failuresToOpen = 2

/** Whether something is known to be down, told from memory. */
export interface Breaker {
  isOpen(): boolean
  /** `half-open`: open, and a background question is under way. */
  state(): 'closed' | 'open' | 'half-open'
  /** When it opened: ms since the epoch by the machine's clock. */
  sinceMs(): number
  /** What it opened for, or the last failure before that. */
  lastFailure(): UpstreamFailure | undefined
  /** When that came: ms since the epoch by the machine's clock. */
  lastFailureAtMs(): number | undefined
  /** An answer came, in time or late, asked for or not: closes it. */
  succeed(): void
  /** One failure; the second in a row opens. */
  fail(failure: UpstreamFailure, again: Again): void
  /** Enough is known to open at once. */
  open(failure: UpstreamFailure, again: Again): void
  /** Asks in the background now rather than later, if it is open. */
  hurry(): void
  /** Somebody would have asked, were it not open. */
  want(): void
  /** Closes without a word: no background question, nothing is called back. */
  stop(): void
}

/**
 * Makes a breaker, closed. While it is open the question that failed is asked again in the background; nothing else closes it than an
 * answer, so no waiting time outlives the outage.
 */
export function createBreaker(
  timing: Timing,
  hooks: {
    readonly onOpened: (failure: UpstreamFailure) => void
    readonly onClosed: () => void
    readonly mayProbe?: () => boolean
  },
): Breaker {
  const probe = createProbe(timing, hooks.mayProbe)
  let failures = 0
  let sinceMs = 0
  let last: UpstreamFailure | undefined
  let lastAtMs: number | undefined

  function remember(failure: UpstreamFailure): void {
    last = failure
    lastAtMs = timing.clock.wallMs()
  }

  function open(failure: UpstreamFailure, again: Again): void {
    remember(failure)
    if (probe.isRunning()) return
    sinceMs = timing.clock.wallMs()
    probe.start(again)
    hooks.onOpened(failure)
  }

  function stop(): void {
    probe.stop()
    failures = 0
  }

  return {
    isOpen: () => probe.isRunning(),
    state() {
      if (!probe.isRunning()) return 'closed'
      return probe.isAsking() ? 'half-open' : 'open'
    },
    sinceMs: () => sinceMs,
    lastFailure: () => last,
    lastFailureAtMs: () => lastAtMs,
    succeed() {
      const wasOpen = probe.isRunning()
      stop()
      if (wasOpen) hooks.onClosed()
    },
    fail(failure, again) {
      failures += 1
      if (failures >= failuresToOpen) open(failure, again)
      else remember(failure)
    },
    open,
    hurry: () => probe.hurry(),
    want: () => probe.want(),
    stop,
  }
}

/**
 * Time as the rest of the program sees it. Handed in, so that a test can move it.
 */
export interface Clock {
  /** The machine's wall clock in milliseconds since the epoch, uncorrected and possibly wrong. */
  wallMs(): number
  /** Milliseconds on a clock that never jumps; only differences mean something. */
  monotonicMs(): number
}

/** The machine's own clocks. */
export const systemClock: Clock = {
  wallMs: () => Date.now(),
  monotonicMs: () => performance.now(),
}

/** Runs things later. Handed in, so that a test can move the time. */
export interface Timers {
  /** Runs once after `ms`, unless what it returns is called before. */
  after(ms: number, run: () => void): () => void
}

/** The machine's timers; none of them keeps the process alive. */
export const systemTimers: Timers = {
  after(ms, run) {
    const timer = setTimeout(run, ms).unref()
    return () => clearTimeout(timer)
  },
}

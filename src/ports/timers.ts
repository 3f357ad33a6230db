/** Runs things later. Handed in, so that a test can move the time. */
export interface Timers {
  /** Runs once after `ms`, unless what it returns is called before. */
  after(ms: number, run: () => void): () => void
}

/** The longest that node waits at once, ms; what is longer is over at once. */
const longestMs = 2 ** 31 - 1

/** The machine's timers; none of them keeps the process alive. */
export const systemTimers: Timers = {
  after(ms, run) {
    let timer: NodeJS.Timeout
    function wait(leftMs: number): void {
      const isLast = leftMs <= longestMs
      const next = isLast ? run : () => wait(leftMs - longestMs)
      timer = setTimeout(next, isLast ? leftMs : longestMs).unref()
    }
    wait(ms)
    return () => clearTimeout(timer)
  },
}

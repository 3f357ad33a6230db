const tickMs = 10

/**
 * Tells for how long this process has waited since, in ms; asked once. What a machine that is busy or stands still takes does not count, for a
 * tick that comes late is one tick: so a bound on it fails only when a deadline is waited for that should not have been.
 */
export function watchWaiting(): () => number {
  let ticks = 0
  const timer = setInterval(() => {
    ticks += 1
  }, tickMs).unref()
  return () => {
    clearInterval(timer)
    return ticks * tickMs
  }
}

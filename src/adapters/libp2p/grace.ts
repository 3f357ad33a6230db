const stepMs = 100

/** Time that another side is given. */
export interface Grace {
  /** Aborts when it is over. */
  readonly signal: AbortSignal
  /** It does not matter any more. */
  end(): void
}

/**
 * Begins it. A machine that stands still loses a tenth of a second of it, not all: as it goes on, what came meanwhile is not cut off before
 * anybody could read it.
 */
export function startGrace(graceMs: number): Grace {
  const over = new AbortController()
  let left = Math.ceil(graceMs / stepMs)
  const timer = setInterval(() => {
    left -= 1
    if (left > 0) return
    clearInterval(timer)
    over.abort(new Error('its time is over'))
  }, stepMs).unref()
  return { signal: over.signal, end: () => clearInterval(timer) }
}

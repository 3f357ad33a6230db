import type { Timing } from './probe.ts'

/** Repositories remembered at a time; beyond that the oldest pause is given up. */
const maxLimits = 1_000

interface Limit {
  readonly untilMs: number
  readonly sinceMs: number
  readonly cancel: () => void
}

/**
 * Pauses that one endpoint asked for (429), by repository. One endpoint is asked with one credential, so that a pause is one of
 * repository and credential.
 */
export interface RateLimits {
  /** Nobody asks for this repository for so long, ms. */
  pause(repository: string, forMs: number): void
  /** What is left of the pause in ms and since when it lasts (ms since the epoch). */
  find(repository: string): { readonly leftMs: number; readonly sinceMs: number } | undefined
  stop(): void
}

/** Makes the keeper; `onOver` is called when a pause ends. */
export function createRateLimits(
  { clock, schedule }: Pick<Timing, 'clock' | 'schedule'>,
  onOver: (repository: string) => void,
): RateLimits {
  const limits = new Map<string, Limit>()

  function end(repository: string): void {
    limits.get(repository)?.cancel()
    limits.delete(repository)
  }

  return {
    pause(repository, forMs) {
      const oldest = limits.keys().next()
      if (limits.size >= maxLimits && !oldest.done) end(oldest.value)
      end(repository)
      const over = (): void => {
        limits.delete(repository)
        onOver(repository)
      }
      limits.set(repository, {
        untilMs: clock.monotonicMs() + forMs,
        sinceMs: clock.wallMs(),
        cancel: schedule(forMs, over),
      })
    },
    find(repository) {
      const limit = limits.get(repository)
      if (limit === undefined) return undefined
      const leftMs = limit.untilMs - clock.monotonicMs()
      return leftMs > 0 ? { leftMs, sinceMs: limit.sinceMs } : undefined
    },
    stop() {
      for (const repository of [...limits.keys()]) end(repository)
    },
  }
}

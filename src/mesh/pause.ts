import type { Timers } from '../ports/timers.ts'

/** Waits so long, or until the signal ends it. Never rejects. */
export function pause(ms: number, timers: Timers, signal: AbortSignal): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>()
  if (signal.aborted) return Promise.resolve()
  const cancel = timers.after(ms, done)
  signal.addEventListener('abort', done, { once: true })
  function done(): void {
    cancel()
    signal.removeEventListener('abort', done)
    resolve()
  }
  return promise
}

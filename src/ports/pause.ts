import type { Timers } from './timers.ts'

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

/** Waits for `work`, however it ends; not for longer than `ms`, or than the signal says. Never rejects. */
export async function within(
  ms: number,
  work: Promise<unknown>,
  timers: Timers,
  signal: AbortSignal,
): Promise<void> {
  const over = new AbortController()
  const end = (): void => over.abort()
  work.then(end, end)
  await pause(ms, timers, AbortSignal.any([signal, over.signal]))
}

/** Waits for a promise no longer than until the signal's end, and rejects with the signal's reason then; the promise itself goes on. */
export async function abortable<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  // Nobody may be left to see it fail.
  promise.catch(() => undefined)
  signal.throwIfAborted()
  const { promise: aborted, reject } = Promise.withResolvers<never>()
  const onAbort = () => reject(signal.reason)
  signal.addEventListener('abort', onAbort, { once: true })
  try {
    return await Promise.race([promise, aborted])
  } finally {
    signal.removeEventListener('abort', onAbort)
  }
}

/** How long something may take. */
export interface Limit {
  /** Ends it too. */
  readonly signal: AbortSignal
  readonly ms: number
  /** The reason when time is up. */
  readonly reason: () => Error
}

/** Runs something with a signal that ends with the outer one, or when time is up. */
export async function withLimit<T>(
  { signal, ms, reason }: Limit,
  run: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  signal.throwIfAborted()
  const cut = new AbortController()
  const onAbort = () => cut.abort(signal.reason)
  signal.addEventListener('abort', onAbort, { once: true })
  const timer = setTimeout(() => cut.abort(reason()), ms)
  try {
    return await run(cut.signal)
  } finally {
    clearTimeout(timer)
    signal.removeEventListener('abort', onAbort)
  }
}

interface Rules<T> {
  /** How long one attempt is alone before the next is started beside it, ms; a failed one makes room at once. */
  readonly headStartMs: number
  /** What the race rejects with when all have failed. */
  readonly pick: (failures: readonly unknown[]) => unknown
  /** Gets what comes second. */
  readonly drop: (late: T) => void
}

/** Tries one after the other, each with a head start; the first that succeeds wins and the others are aborted. */
export async function race<T>(
  attempts: readonly ((signal: AbortSignal) => Promise<T>)[],
  { headStartMs, pick, drop }: Rules<T>,
  signal: AbortSignal,
): Promise<T> {
  signal.throwIfAborted()
  const { promise, resolve, reject } = Promise.withResolvers<T>()
  const over = new AbortController()
  const waiting = [...attempts]
  const failures: unknown[] = []
  let timer: NodeJS.Timeout | undefined

  function startNext(): void {
    clearTimeout(timer)
    const attempt = waiting.shift()
    if (attempt === undefined || over.signal.aborted) return
    if (waiting.length > 0) timer = setTimeout(startNext, headStartMs)
    attempt(over.signal).then(succeeded, failed)
  }

  function succeeded(result: T): void {
    if (over.signal.aborted) drop(result)
    else resolve(result)
    over.abort()
  }

  function failed(error: unknown): void {
    failures.push(error)
    if (failures.length === attempts.length) reject(pick(failures))
    else startNext()
  }

  const onAbort = (): void => reject(signal.reason)
  signal.addEventListener('abort', onAbort, { once: true })
  try {
    startNext()
    return await promise
  } finally {
    over.abort()
    clearTimeout(timer)
    signal.removeEventListener('abort', onAbort)
  }
}

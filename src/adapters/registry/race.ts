/** Attempts at one thing, of which the first that succeeds wins. */
export interface Race<T> {
  /** Adds an attempt; `onFailed` is called when it fails while the race goes on. */
  add(attempt: Promise<T>, onFailed?: () => void): void
  /** Settles with the first success; rejects with `lastFailure` of those in order of their start when all have failed. */
  readonly outcome: Promise<T>
  /** Ends it now with this failure. */
  cut(failure: unknown): void
  isOver(): boolean
  /** Attempts that have not ended. */
  running(): number
}

/**
 * Makes a race without attempts. It ends in failure when an attempt fails, adds no other, and none is left.
 * @param drop gets the answers of those who come second
 * @param speaker whose failure is told: that of the attempt started first, or last
 */
export function createRace<T>(
  drop: ((answer: T) => void) | undefined,
  speaker: 'first' | 'last',
): Race<T> {
  const { promise: outcome, resolve, reject } = Promise.withResolvers<T>()
  const failures: unknown[] = []
  let started = 0
  let running = 0
  let isOver = false

  function succeeded(answer: T): void {
    running -= 1
    if (isOver) drop?.(answer)
    isOver = true
    resolve(answer)
  }

  function failed(index: number, error: unknown, onFailed: (() => void) | undefined): void {
    running -= 1
    failures[index] = error
    if (isOver) return
    onFailed?.()
    if (running > 0) return
    isOver = true
    reject(speaker === 'first' ? failures[0] : failures.at(-1))
  }

  return {
    add(attempt, onFailed) {
      const index = started
      started += 1
      running += 1
      attempt.then(succeeded, error => failed(index, error, onFailed))
    },
    outcome,
    cut(failure) {
      isOver = true
      reject(failure)
    },
    isOver: () => isOver,
    running: () => running,
  }
}

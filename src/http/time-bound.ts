/** What is bounded: an answer that is owed. */
export interface Owed {
  /** Called when the time is over and the answer is still owed. */
  readonly onOverdue: () => void
}

/** A bound for everything that began at about the same time. */
export interface BoundedSpan {
  /** Aborts when the time is over. */
  readonly signal: AbortSignal
  /** Nothing is owed any more. */
  settle(owed: Owed): void
}

/** The last resort against answers that never come. */
export interface TimeBound {
  /** Begins the time of one answer. */
  begin(owed: Owed, nowMs: number): BoundedSpan
  close(): void
}

/** Answers that begin within this many ms share one timer and one signal. */
const spanMs = 250

/**
 * Bounds answers in time, at least `boundMs` and at most a quarter second more after they began. A timer and an AbortSignal for each
 * request would cost more than answering a tag from memory does, so requests share them.
 */
export function createTimeBound({ boundMs }: { readonly boundMs: number }): TimeBound {
  const timers = new Set<NodeJS.Timeout>()
  let current: { readonly span: BoundedSpan; readonly pending: Set<Owed> } | undefined
  let currentUntilMs = Number.NEGATIVE_INFINITY

  function open(): { readonly span: BoundedSpan; readonly pending: Set<Owed> } {
    const controller = new AbortController()
    const pending = new Set<Owed>()
    const timer = setTimeout(() => {
      timers.delete(timer)
      controller.abort(new DOMException(`no answer within ${boundMs} ms`, 'TimeoutError'))
      for (const owed of pending) owed.onOverdue()
    }, boundMs + spanMs)
    timer.unref()
    timers.add(timer)
    const { signal } = controller
    return { span: { signal, settle: owed => void pending.delete(owed) }, pending }
  }

  return {
    begin: (owed, nowMs) => {
      if (current === undefined || nowMs >= currentUntilMs) {
        current = open()
        currentUntilMs = nowMs + spanMs
      }
      current.pending.add(owed)
      return current.span
    },
    close: () => {
      for (const timer of timers) clearTimeout(timer)
      timers.clear()
      current = undefined
      currentUntilMs = Number.NEGATIVE_INFINITY
    },
  }
}

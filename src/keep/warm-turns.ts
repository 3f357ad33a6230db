import type { Clock } from '../ports/clock.ts'
import type { Timers } from '../ports/timers.ts'
import { rankOf, type WarmEntry } from './warm-entry.ts'

/** Whose turn it is among a job's images. */
export interface WarmTurns {
  /** Looks whose it is. */
  wake(afterMs: number): void
  isRunning(entry: WarmEntry): boolean
  /** Suspends what is under way; all of it without `which`. It goes on in its turn. */
  suspend(which?: (entry: WarmEntry) => boolean): void
  /** Begins nothing more, and waits for the end of what is under way. */
  stop(): Promise<void>
}

/** Works on images that are due, so many at the same time, while no client downloads: {@link WarmTurns.wake} after that. */
export function createWarmTurns(
  entries: readonly WarmEntry[],
  parts: {
    readonly concurrency: number
    /** There is something to do for it. */
    readonly isOpen: (entry: WarmEntry) => boolean
    /** From when on, on the monotonic clock, ms. */
    readonly dueMs: (entry: WarmEntry) => number
    readonly isBusy: () => boolean
    /** Never rejects. */
    readonly advance: (entry: WarmEntry, signal: AbortSignal) => Promise<void>
    readonly onEnd: (entry: WarmEntry) => void
    readonly clock: Pick<Clock, 'monotonicMs'>
    readonly timers: Timers
  },
): WarmTurns {
  const { isOpen, dueMs, clock, timers } = parts
  const running = new Map<WarmEntry, { readonly ended: Promise<void>; stop(): void }>()
  let cancelTimer = () => {}
  let isStopped = false

  const isNext = (entry: WarmEntry): boolean => !running.has(entry) && isOpen(entry)

  function wake(afterMs: number): void {
    cancelTimer()
    if (!isStopped) cancelTimer = timers.after(afterMs, pump)
  }

  function pump(): void {
    if (isStopped || parts.isBusy()) return // the end of it wakes us
    const nowMs = clock.monotonicMs()
    const due = entries.filter(entry => isNext(entry) && dueMs(entry) <= nowMs)
    for (const entry of due.toSorted((a, b) => rankOf(a) - rankOf(b))) {
      if (running.size >= parts.concurrency) return
      start(entry)
    }
    const later = entries.filter(isNext).map(entry => dueMs(entry) - nowMs)
    const nextMs = Math.min(...later.filter(ms => ms > 0))
    if (Number.isFinite(nextMs)) wake(nextMs)
  }

  function start(entry: WarmEntry): void {
    const controller = new AbortController()
    const ended = parts.advance(entry, controller.signal).finally(() => {
      running.delete(entry)
      if (!isStopped) parts.onEnd(entry)
      wake(0)
    })
    running.set(entry, { ended, stop: () => controller.abort() })
  }

  return {
    wake,
    isRunning: entry => running.has(entry),
    suspend(which = () => true) {
      for (const [entry, { stop }] of running) if (which(entry)) stop()
    },
    async stop() {
      isStopped = true
      cancelTimer()
      const ending = [...running.values()]
      for (const { stop } of ending) stop()
      await Promise.all(ending.map(({ ended }) => ended))
    },
  }
}

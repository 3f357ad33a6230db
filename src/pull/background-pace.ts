import { setTimeout as delay } from 'node:timers/promises'
import type { Clock } from '../ports/clock.ts'

/** How fast registries are read while no client waits for the bytes. */
export interface BackgroundPace {
  /** Bytes that are taken at a time: a twentieth of a second's, so that a low limit makes no long silences. */
  readonly pieceBytes: number
  /**
   * Waits until the next piece may be read, after one of this many bytes; `undefined`: at once. Ends early when `isHurried` says that
   * somebody waits for it now; rejects when `signal` aborts.
   */
  take(bytes: number, isHurried: () => boolean, signal: AbortSignal): Promise<void> | undefined
}

/** Of a second: what may be read at once after a pause. */
const burst = 0.1
const piecesPerSecond = 20
const minPieceBytes = 256
/** A client that came is seen so soon, ms. */
const lookMs = 50

/** One for all downloads of this node, which share the limit; `undefined` where there is none, with 0. */
export function createBackgroundPace(
  bytesPerSecond: number,
  clock: Pick<Clock, 'monotonicMs'>,
): BackgroundPace | undefined {
  if (bytesPerSecond <= 0) return undefined
  /** When all that was read would have come at this pace, on the monotonic clock. */
  let paidMs = Number.NEGATIVE_INFINITY

  async function wait(
    untilMs: number,
    isHurried: () => boolean,
    signal: AbortSignal,
  ): Promise<void> {
    for (;;) {
      const leftMs = untilMs - clock.monotonicMs()
      if (leftMs <= 0 || isHurried()) return
      await delay(Math.min(leftMs, lookMs), undefined, { signal })
    }
  }

  return {
    pieceBytes: Math.max(Math.round(bytesPerSecond / piecesPerSecond), minPieceBytes),
    take(bytes, isHurried, signal) {
      const nowMs = clock.monotonicMs()
      paidMs = Math.max(paidMs, nowMs - burst * 1_000) + (bytes / bytesPerSecond) * 1_000
      return paidMs <= nowMs ? undefined : wait(paidMs, isHurried, signal)
    },
  }
}

import { setImmediate as nextTurn } from 'node:timers/promises'

/** How long one works before others have their turn, ms. */
const sliceMs = 6

/** Divides long work of this thread. */
export interface Turns {
  /** Waits when it is others' turn. */
  take(): Promise<void>
}

/** Begins the first turn. */
export function createTurns(): Turns {
  let sinceMs = performance.now()
  return {
    async take() {
      if (performance.now() - sinceMs < sliceMs) return
      await nextTurn()
      sinceMs = performance.now()
    },
  }
}

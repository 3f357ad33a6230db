/** How long one works before others have their turn, ms: clients that wait for a tag are answered in less. */
const sliceMs = 1

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
      await new Promise(resolve => setImmediate(resolve))
      sinceMs = performance.now()
    },
  }
}

/** Wakes all who wait for something to change; what did is theirs to look up. */
export interface Bell {
  ring(): void
  /** Settles at the next ring. */
  next(): Promise<void>
}

export function createBell(): Bell {
  let waiting = Promise.withResolvers<void>()
  return {
    ring() {
      const { resolve } = waiting
      waiting = Promise.withResolvers<void>()
      resolve()
    },
    next: () => waiting.promise,
  }
}

import { PeerFailure } from '../../ports/peer-port.ts'

/** Lets few things run at a time, the others wait in order. */
export interface Slots {
  /**
   * Runs `work` when there is room. Rejects with `PeerFailure` `busy` when too many wait already, and with the signal's reason when it
   * aborts while waiting.
   */
  run<T>(signal: AbortSignal, work: () => Promise<T>): Promise<T>
  /** Takes a slot until what is returned is called, once. */
  take(signal: AbortSignal): Promise<() => void>
}

/** Makes slots. */
export function createSlots(bounds: { readonly running: number; readonly waiting: number }): Slots {
  const queue = new Set<() => void>()
  let running = 0

  function give(): void {
    const [next] = queue
    if (next === undefined) {
      running -= 1
      return
    }
    queue.delete(next)
    next()
  }

  async function take(signal: AbortSignal): Promise<() => void> {
    signal.throwIfAborted()
    if (running < bounds.running) {
      running += 1
      return give
    }
    if (queue.size >= bounds.waiting) {
      throw new PeerFailure('busy', `${running} under way and ${queue.size} waiting`)
    }
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    const onAbort = (): void => {
      queue.delete(resolve)
      reject(signal.reason)
    }
    queue.add(resolve)
    signal.addEventListener('abort', onAbort, { once: true })
    try {
      await promise
    } finally {
      signal.removeEventListener('abort', onAbort)
    }
    return give
  }

  return {
    take,
    async run(signal, work) {
      const end = await take(signal)
      try {
        return await work()
      } finally {
        end()
      }
    },
  }
}

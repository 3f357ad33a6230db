/** Chunks on their way into a file, in order. */
export interface AppendQueue {
  /** Settles when the chunk is written; rejects when it, or one before it, was not. */
  append(chunk: Uint8Array): Promise<void>
  /** Settles when nothing is being written. Never rejects. */
  idle(): Promise<void>
  /** Why nothing more can be appended: the first failure. */
  readonly failure: unknown
}

interface Waiting {
  readonly chunk: Uint8Array
  readonly done: PromiseWithResolvers<void>
}

/**
 * Appends what waits in one go, so that small chunks do not cost a trip to the disk each.
 *
 * @param write appends these chunks; after it rejected once it is not called again
 */
export function createAppendQueue(
  write: (chunks: readonly Uint8Array[]) => Promise<void>,
): AppendQueue {
  let waiting: Waiting[] = []
  let failure: unknown
  let running: Promise<void> | undefined

  async function writeBatch(batch: readonly Waiting[]): Promise<void> {
    try {
      if (failure !== undefined) throw failure
      await write(batch.map(({ chunk }) => chunk))
    } catch (error) {
      failure ??= error
      for (const { done } of batch) done.reject(failure)
      return
    }
    for (const { done } of batch) done.resolve()
  }

  async function run(): Promise<void> {
    while (waiting.length > 0) {
      const batch = waiting
      waiting = []
      await writeBatch(batch)
    }
    running = undefined
  }

  return {
    append(chunk) {
      const done = Promise.withResolvers<void>()
      waiting.push({ chunk, done })
      running ??= run()
      return done.promise
    },
    idle: async () => running,
    get failure() {
      return failure
    },
  }
}

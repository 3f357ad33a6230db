/** Chunks that came and were not read yet. */
export interface Inbox {
  /** `false`: it is full, and what sends is to pause until `onRoom`. */
  push(chunk: Uint8Array): boolean
  /** The end: after what was pushed, or at once with a failure. */
  end(failure?: { readonly failure: unknown }): void
  /** All that is here, as one chunk. */
  next(): Promise<IteratorResult<Uint8Array>>
}

interface InboxSettings {
  /** It is full from so many bytes on. */
  readonly maxBytes: number
  /** So many bytes are given at once. */
  readonly gatherBytes: number
  /** Fewer are given when the first of them has waited so long, ms. */
  readonly gatherMs: number
}

/**
 * Makes an empty one; `onRoom` is called when reading made room. Chunks are given together: TLS delivers 16 kB at a time, and a hundred
 * kilobytes take a reader, and all who read from him, as many steps.
 */
export function createInbox(settings: InboxSettings, onRoom: () => void): Inbox {
  const { maxBytes, gatherBytes, gatherMs } = settings
  let queue: Uint8Array[] = []
  let bytes = 0
  let isGathered = false
  let timer: NodeJS.Timeout | undefined
  let ended: { readonly failure?: unknown } | undefined
  let wake = (): void => {}

  function gathered(): void {
    isGathered = true
    wake()
  }

  function take(): Uint8Array | undefined {
    const [first] = queue
    if (first === undefined) return undefined
    const whole = queue.length === 1 ? first : Buffer.concat(queue, bytes)
    const wasFull = bytes >= maxBytes
    clear()
    if (wasFull) onRoom()
    return whole
  }

  function clear(): void {
    clearTimeout(timer)
    queue = []
    bytes = 0
    isGathered = false
  }

  return {
    push(chunk) {
      if (ended !== undefined) return true
      queue.push(chunk)
      bytes += chunk.length
      if (bytes >= gatherBytes) gathered()
      else if (queue.length === 1) timer = setTimeout(gathered, gatherMs)
      return bytes < maxBytes
    },
    end(failure) {
      if (ended !== undefined) return
      ended = failure ?? {}
      clearTimeout(timer)
      if (failure !== undefined) clear()
      wake()
    },
    async next() {
      while (!isGathered && ended === undefined) {
        await new Promise<void>(resolve => {
          wake = resolve
        })
      }
      const value = take()
      if (value !== undefined) return { done: false, value }
      if (ended !== undefined && 'failure' in ended) throw ended.failure
      return { done: true, value: undefined }
    },
  }
}

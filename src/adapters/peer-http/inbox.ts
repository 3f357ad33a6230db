/** Chunks that came and were not read yet. */
export interface Inbox {
  /** `false`: it is full, and what sends is to pause until `onRoom`. */
  push(chunk: Uint8Array): boolean
  /** The end: after what was pushed, or at once with a failure. */
  end(failure?: { readonly failure: unknown }): void
  next(): Promise<IteratorResult<Uint8Array>>
}

/** Makes one that is full at `maxBytes`; `onRoom` is called when reading made room. */
export function createInbox(maxBytes: number, onRoom: () => void): Inbox {
  const queue: Uint8Array[] = []
  let bytes = 0
  let ended: { readonly failure?: unknown } | undefined
  let wake = (): void => {}

  function take(): Uint8Array | undefined {
    const chunk = queue.shift()
    if (chunk === undefined) return undefined
    const wasFull = bytes >= maxBytes
    bytes -= chunk.length
    if (wasFull && bytes < maxBytes) onRoom()
    return chunk
  }

  return {
    push(chunk) {
      if (ended !== undefined) return true
      queue.push(chunk)
      bytes += chunk.length
      wake()
      return bytes < maxBytes
    },
    end(failure) {
      if (ended !== undefined) return
      ended = failure ?? {}
      if (failure !== undefined) queue.length = 0
      wake()
    },
    async next() {
      for (;;) {
        const value = take()
        if (value !== undefined) return { done: false, value }
        if (ended !== undefined && 'failure' in ended) throw ended.failure
        if (ended !== undefined) return { done: true, value: undefined }
        await new Promise<void>(resolve => {
          wake = resolve
        })
      }
    },
  }
}

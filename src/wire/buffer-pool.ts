/** Buffers that are lent and given back, so that serving a blob makes no garbage. */
export interface BufferPool {
  /** The size of a buffer while few are lent. */
  readonly bufferBytes: number
  /** Lends a buffer; its content is whatever the last borrower left. */
  take(): Buffer
  /** Gives one back. Only when nothing reads from it any more: a socket still does until its write calls back. */
  give(buffer: Buffer): void
}

/**
 * Makes a pool. At most `keep` buffers are kept while nobody borrows them. More can be lent, of `crowdedBytes`, and are dropped on
 * return: hundreds of connections get on with less each, and a small machine with them.
 */
export function createBufferPool({
  bufferBytes = 256 * 1024,
  crowdedBytes = 32 * 1024,
  keep = 32,
}: {
  readonly bufferBytes?: number
  readonly crowdedBytes?: number
  readonly keep?: number
} = {}): BufferPool {
  const free: Buffer[] = []
  let lent = 0
  return {
    bufferBytes,
    take() {
      lent += 1
      return free.pop() ?? Buffer.allocUnsafeSlow(lent > keep ? crowdedBytes : bufferBytes)
    },
    give(buffer) {
      lent -= 1
      if (buffer.length === bufferBytes && free.length < keep) free.push(buffer)
    },
  }
}

/** A buffer while it is lent, to a borrower who may be done with it before a read or write that still uses it is. */
export interface Loan {
  readonly buffer: Buffer
  /** Somebody reads from the buffer or writes to it, until `rest`. */
  use(): void
  rest(): void
  isBusy(): boolean
  /** The borrower is done; once. The buffer goes back to the pool as soon as it rests. */
  end(): void
}

/** Borrows a buffer. */
export function lend(pool: BufferPool): Loan {
  const buffer = pool.take()
  let isBusy = false
  let isEnded = false
  return {
    buffer,
    use: () => {
      isBusy = true
    },
    rest: () => {
      isBusy = false
      if (isEnded) pool.give(buffer)
    },
    isBusy: () => isBusy,
    end: () => {
      isEnded = true
      if (!isBusy) pool.give(buffer)
    },
  }
}

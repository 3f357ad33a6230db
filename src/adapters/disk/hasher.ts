import { Worker } from 'node:worker_threads'
import type { DigestAlgorithm } from '../../oci/digest.ts'
import type { HashAnswer, HashOrder } from './hash-orders.ts'

/** The hash of a file that is still growing. Exactly one of `finish` and `stop` ends it. */
export interface RunningHash {
  /** The first `size` bytes of the file are written and stay as they are. */
  advance(size: number): void
  /** The hash in hex of a file that has `size` bytes. Rejects when the worker failed or could not read them. */
  finish(size: number): Promise<string>
  stop(): void
}

/** The hash of bytes that are handed over piece by piece. Exactly one of `finish` and `stop` ends it. */
export interface HandedHash {
  /**
   * Takes the next bytes, and settles with them once they are hashed: until then their whole buffer is the worker's. The call before has to have
   * settled. Rejects when the worker failed; the buffer is lost then.
   */
  update(bytes: Uint8Array<ArrayBuffer>): Promise<Uint8Array<ArrayBuffer>>
  /** The hash in hex of all. Rejects when the worker failed. */
  finish(): Promise<string>
  stop(): void
}

/** Hashes files off the main thread, beside whoever writes them. */
export interface FileHasher {
  /** Begins with a file, which must exist under this path until the first `finish` has settled. */
  follow(path: string, algorithm: DigestAlgorithm): RunningHash
  close(): Promise<void>
}

/** Hashes off the main thread what is in no file, too. */
export interface Hasher extends FileHasher {
  /** Begins with bytes that will be handed over. */
  begin(algorithm: DigestAlgorithm): HandedHash
}

/** Less than this is not worth a message. */
const stepBytes = 1024 * 1024

/**
 * One worker thread for all. It reads what was written from the page cache, so no bytes of files travel between threads, and those that are
 * handed over are not copied; it starts with the first order and ends when there was none for `idleMs`, because an idle thread holds memory.
 */
export function createHasher({ idleMs = 5_000 }: { readonly idleMs?: number } = {}): Hasher {
  const waiting = new Map<number, PromiseWithResolvers<string>>()
  /** Buffers that the worker has. */
  const lent = new Map<number, PromiseWithResolvers<Uint8Array<ArrayBuffer>>>()
  let worker: Worker | undefined
  let idle: NodeJS.Timeout | undefined
  let ending: Promise<unknown> = Promise.resolve()
  let lastId = 0

  function start(): Worker {
    const started = new Worker(new URL('./hash-worker.ts', import.meta.url), {
      // Its few objects need no more; the default young generation alone is larger.
      resourceLimits: { maxYoungGenerationSizeMb: 2, maxOldGenerationSizeMb: 64 },
    })
    started.on('message', take)
    const failed = (error: Error) => {
      if (worker === started) stopWorker(error)
    }
    started.on('error', failed)
    started.on('exit', code => failed(new Error(`the hash worker ended with code ${code}`)))
    return started
  }

  function take(answer: HashAnswer): void {
    if ('back' in answer) {
      lent.get(answer.id)?.resolve(answer.back)
      lent.delete(answer.id)
      return
    }
    if ('hex' in answer) waiting.get(answer.id)?.resolve(answer.hex)
    else waiting.get(answer.id)?.reject(new Error(answer.failure))
    leave(answer.id)
  }

  function stopWorker(reason: Error): void {
    clearTimeout(idle)
    const stopped = worker
    worker = undefined
    for (const { reject } of [...waiting.values(), ...lent.values()]) reject(reason)
    waiting.clear()
    lent.clear()
    if (stopped !== undefined) ending = stopped.terminate()
  }

  function leave(id: number): void {
    waiting.delete(id)
    if (waiting.size > 0 || worker === undefined) return
    worker.unref()
    clearTimeout(idle)
    idle = setTimeout(() => stopWorker(new Error('the hash worker was idle')), idleMs).unref()
  }

  function enter(id: number): { readonly used: Worker; readonly answer: Promise<string> } {
    clearTimeout(idle)
    worker ??= start()
    worker.ref()
    const answer = Promise.withResolvers<string>()
    answer.promise.catch(() => {}) // `finish` hands it on; before that nobody may be listening
    waiting.set(id, answer)
    return { used: worker, answer: answer.promise }
  }

  /** A new hash, and how the worker is told of it, until that has failed. */
  function open() {
    lastId += 1
    const id = lastId
    const { used, answer } = enter(id)
    const tell = (order: HashOrder, transfer: readonly ArrayBuffer[] = []): boolean => {
      if (worker !== used) return false
      used.postMessage(order, transfer)
      return true
    }
    return { id, answer, tell }
  }

  return {
    follow(path, algorithm) {
      const { id, answer, tell } = open()
      let told = 0
      tell({ kind: 'follow', id, path, algorithm })
      return {
        advance(size) {
          if (size - told < stepBytes) return
          told = size
          tell({ kind: 'advance', id, size })
        },
        finish(size) {
          tell({ kind: 'finish', id, size })
          return answer
        },
        stop() {
          tell({ kind: 'stop', id })
          leave(id)
        },
      }
    },
    begin(algorithm) {
      const { id, answer, tell } = open()
      tell({ kind: 'begin', id, algorithm })
      return {
        async update(bytes) {
          if (!tell({ kind: 'update', id, bytes }, [bytes.buffer])) await answer // it tells why
          const back = Promise.withResolvers<Uint8Array<ArrayBuffer>>()
          lent.set(id, back)
          return back.promise
        },
        finish() {
          tell({ kind: 'end', id })
          return answer
        },
        stop() {
          tell({ kind: 'stop', id })
          leave(id)
        },
      }
    },
    async close() {
      stopWorker(new Error('the hasher was closed'))
      await ending
    },
  }
}

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

/** Hashes files off the main thread, beside whoever writes them. */
export interface Hasher {
  /** Begins with a file, which must exist under this path until the first `finish` has settled. */
  follow(path: string, algorithm: DigestAlgorithm): RunningHash
  close(): Promise<void>
}

/** Less than this is not worth a message. */
const stepBytes = 1024 * 1024

/**
 * One worker thread for all files. It reads what was written from the page cache, so no bytes travel between threads; it starts
 * with the first file and ends when there was none for `idleMs`, because an idle thread holds memory.
 */
export function createHasher({ idleMs = 5_000 }: { readonly idleMs?: number } = {}): Hasher {
  const waiting = new Map<number, PromiseWithResolvers<string>>()
  let worker: Worker | undefined
  let idle: NodeJS.Timeout | undefined
  let ending: Promise<unknown> = Promise.resolve()
  let lastId = 0

  function start(): Worker {
    const started = new Worker(new URL('./hash-worker.ts', import.meta.url), {
      // Its few objects need no more; the default young generation alone is larger.
      resourceLimits: { maxYoungGenerationSizeMb: 2, maxOldGenerationSizeMb: 64 },
    })
    started.on('message', (answer: HashAnswer) => {
      if ('hex' in answer) waiting.get(answer.id)?.resolve(answer.hex)
      else waiting.get(answer.id)?.reject(new Error(answer.failure))
      leave(answer.id)
    })
    const failed = (error: Error) => {
      if (worker === started) stopWorker(error)
    }
    started.on('error', failed)
    started.on('exit', code => failed(new Error(`the hash worker ended with code ${code}`)))
    return started
  }

  function stopWorker(reason: Error): void {
    clearTimeout(idle)
    const stopped = worker
    worker = undefined
    for (const { reject } of waiting.values()) reject(reason)
    waiting.clear()
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

  return {
    follow(path, algorithm) {
      lastId += 1
      const id = lastId
      const { used, answer } = enter(id)
      const tell = (order: HashOrder) => {
        if (worker === used) used.postMessage(order)
      }
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
    async close() {
      stopWorker(new Error('the hasher was closed'))
      await ending
    },
  }
}

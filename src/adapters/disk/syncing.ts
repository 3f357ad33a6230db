import { open } from 'node:fs/promises'
import type { DigestAlgorithm } from '../../oci/digest.ts'
import { algorithms, type Layout } from './layout.ts'
import type { OpenFile } from './open-file.ts'

/** Makes files and their names durable. */
export interface DurableSyncs {
  file(file: Pick<OpenFile, 'sync'>): Promise<void>
  /** The names of one algorithm's blobs. */
  directory(algorithm: DigestAlgorithm): Promise<void>
}

/** The syncs of one store: few at once, and one of a directory for all who wait for it. */
export function createSyncs(layout: Layout): DurableSyncs {
  const limit = createLimit(2)
  const directories = new Map(
    algorithms.map(algorithm => [
      algorithm,
      joinCalls(() => limit(() => syncDirectory(layout.blobDir(algorithm)))),
    ]),
  )
  return {
    file: file => limit(() => file.sync()),
    directory: async algorithm => directories.get(algorithm)?.(),
  }
}

/**
 * Lets at most `most` operations run at once; the others wait in order. A sync may take a slow card's whole second, and the thread
 * pool has four threads: more than two syncs at once would stop every read.
 */
export function createLimit(most: number): <T>(operation: () => Promise<T>) => Promise<T> {
  const waiting: (() => void)[] = []
  let running = 0
  return async operation => {
    if (running >= most) await new Promise<void>(resolve => waiting.push(resolve))
    else running += 1
    try {
      return await operation()
    } finally {
      const next = waiting.shift()
      if (next === undefined) running -= 1
      else next()
    }
  }
}

/** Makes the names in a directory durable: without it a file's new name may be gone after a power cut. */
export async function syncDirectory(dir: string): Promise<void> {
  const handle = await open(dir, 'r')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}

/**
 * Joins calls: one sync serves everyone who asked before it started. Nobody is served by one that was already running, because it
 * may have missed his name.
 */
export function joinCalls(sync: () => Promise<void>): () => Promise<void> {
  let running: Promise<void> | undefined
  let next: Promise<void> | undefined

  return function call(): Promise<void> {
    if (running === undefined) {
      running = sync().finally(() => {
        running = undefined
      })
      return running
    }
    const again = () => {
      next = undefined
      return call()
    }
    next ??= running.then(again, again)
    return next
  }
}

/** Runs what has the same key one after another, in the order of the calls. */
export function createTurns<K>(): <T>(key: K, operation: () => Promise<T>) => Promise<T> {
  const last = new Map<K, Promise<unknown>>()
  return async (key, operation) => {
    const before = last.get(key)
    const mine = before === undefined ? operation() : before.then(operation, operation)
    last.set(key, mine)
    try {
      return await mine
    } finally {
      if (last.get(key) === mine) last.delete(key)
    }
  }
}

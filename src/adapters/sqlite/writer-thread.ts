import { Worker } from 'node:worker_threads'
import { HoldfastError, type HoldfastErrorCode } from '../../ports/errors.ts'
import type { Log } from '../../ports/log.ts'
import type { Recovered } from './recover.ts'
import type { Committed, Job, JobResult, Reply, Request, WriterOptions } from './writer-protocol.ts'

/** How long after its death the writer is started anew, ms. */
const restartMs = 1_000

/** The one writer, seen from the main thread. */
export interface WriterThread {
  /** Settles when the job's commit is acknowledged. Rejects with `ledger-unusable`. */
  submit(job: Job): Promise<JobResult>
  isWritable(): boolean
  /** A read met damage: the writer looks and, if it is so, recovers. */
  reportDamage(): void
  /** Writes what was submitted and ends; settles when the thread has. Later jobs are rejected. */
  close(): Promise<void>
}

interface Waiter {
  resolve(result: JobResult): void
  reject(error: Error): void
}

/**
 * Starts the writer. Resolves once the database is open or it is clear that it cannot be written for now (`recovered` is absent
 * then); rejects with `ledger-newer`. `onOpened` is called whenever another database took the place of the first.
 */
export async function startWriter(
  options: WriterOptions,
  needs: {
    readonly log: Log
    readonly onOpened: () => void
    /** Told before the jobs of the commit settle. */
    readonly onCommitted?: (committed: Committed) => void
  },
): Promise<{ writer: WriterThread; recovered: Recovered | undefined }> {
  const started = Promise.withResolvers<Recovered | undefined>()
  let ended = Promise.withResolvers<void>()
  const waiters = new Map<number, Waiter>()
  let refusal: HoldfastError | undefined
  let isRunning = false
  let isOpen = false
  let isWritable = false
  let isClosing = false
  let nextId = 1
  let outbox: { id: number; job: Job }[] = []
  let worker = start()

  function start(): Worker {
    const worker = new Worker(new URL('./sqlite-writer.ts', import.meta.url), {
      workerData: options,
      name: 'sqlite-writer',
    })
    ended = Promise.withResolvers()
    isRunning = true
    worker.on('message', receive)
    worker.on('error', err => needs.log.error({ err }, 'ledger writer failed'))
    worker.on('exit', onExit)
    return worker
  }

  function onExit(): void {
    isRunning = false
    isWritable = false
    fail([...waiters.keys()], 'the writer ended')
    ended.resolve()
    // Not before: whoever is told finds nothing open any more.
    started.reject(refusal ?? unusable('its writer did not start'))
    if (isClosing || !isOpen) return
    setTimeout(() => {
      if (!isClosing) worker = start()
    }, restartMs)
  }

  function fail(ids: readonly number[], message: string): void {
    for (const id of ids) settle(id, w => w.reject(unusable(message)))
  }

  function onWritable(): void {
    if (!isWritable) needs.log.info({}, 'ledger takes writes again')
    isWritable = true
  }

  function onOpened(recovered: Recovered): void {
    if (isOpen) {
      needs.onOpened()
      onWritable()
    }
    isWritable = true
    isOpen = true
    started.resolve(recovered)
  }

  function settle(id: number, how: (waiter: Waiter) => void): void {
    const waiter = waiters.get(id)
    waiters.delete(id)
    if (waiter !== undefined) how(waiter)
  }

  function receive(reply: Reply): void {
    switch (reply.type) {
      case 'opened':
        onOpened(reply.recovered)
        return
      case 'unusable':
        isOpen = true
        isWritable = false
        started.resolve(undefined)
        return
      case 'refused':
        refuse(reply.code, reply.message)
        return
      case 'done':
        needs.onCommitted?.(reply.committed)
        for (const { id, result } of reply.results) settle(id, w => w.resolve(result))
        return
      case 'failed':
        isWritable &&= !reply.isUnusable
        fail(reply.ids, reply.message)
        return
      case 'writable':
        onWritable()
        return
      case 'log':
        needs.log[reply.level](reply.fields, reply.message)
    }
  }

  function refuse(code: HoldfastErrorCode, message: string): void {
    isWritable = false
    isClosing = true
    refusal = new HoldfastError(code, message)
    post({ type: 'close' })
  }

  const post = (request: Request): void => worker.postMessage(request)

  /** One message for all that was submitted in this turn of the loop. */
  function sendOutbox(): void {
    const jobs = outbox
    outbox = []
    if (jobs.length > 0) post({ type: 'jobs', jobs })
  }

  const writer: WriterThread = {
    submit(job) {
      if (isClosing) return Promise.reject(unusable('the ledger is closed'))
      // What a thread that has ended is told nobody hears.
      if (!isRunning) return Promise.reject(unusable('its writer is being started anew'))
      const id = nextId++
      const { promise, resolve, reject } = Promise.withResolvers<JobResult>()
      waiters.set(id, { resolve, reject })
      if (outbox.length === 0) setImmediate(sendOutbox)
      outbox.push({ id, job })
      return promise
    },
    isWritable: () => isWritable,
    reportDamage: () => post({ type: 'damaged' }),
    async close() {
      if (!isClosing) {
        isClosing = true
        sendOutbox()
        post({ type: 'close' })
      }
      await ended.promise
      fail([...waiters.keys()], 'the ledger is closed')
    },
  }
  const recovered = await started.promise
  return { writer, recovered }
}

function unusable(message: string): HoldfastError {
  return new HoldfastError('ledger-unusable', `the ledger cannot be written: ${message}`)
}

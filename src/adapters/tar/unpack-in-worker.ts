import { once } from 'node:events'
import { MessageChannel, Worker } from 'node:worker_threads'
import type { UnpackOrder, UnpackReply, UnpackWord } from './unpack-orders.ts'

/**
 * Unpacks what node itself does not, in a thread of its own, which waits whenever it has bytes that nobody took: however little a stream
 * holds of however much, no more than a piece of it is in memory.
 */
export async function* unpackInWorker(
  compression: UnpackOrder['compression'],
  bytes: AsyncIterable<Uint8Array>,
): AsyncGenerator<Uint8Array> {
  const { port1: port, port2 } = new MessageChannel()
  const replies = new SharedArrayBuffer(4)
  const count = new Int32Array(replies)
  const worker = new Worker(new URL('./unpack-worker.ts', import.meta.url), {
    workerData: { compression, port: port2, replies },
    transferList: [port2],
    resourceLimits: { maxYoungGenerationSizeMb: 4, maxOldGenerationSizeMb: 64 },
  })
  const ended = Promise.withResolvers<never>()
  ended.promise.catch(() => {}) // also heard by who waits for a word
  worker.on('error', ended.reject)
  worker.on('exit', code => ended.reject(new Error(`the worker ended with code ${code}`)))
  const input = bytes[Symbol.asyncIterator]()

  function reply(answer: UnpackReply): void {
    port.postMessage(answer)
    Atomics.add(count, 0, 1)
    Atomics.notify(count, 0)
  }

  try {
    for (;;) {
      const [word] = (await Promise.race([once(port, 'message'), ended.promise])) as [UnpackWord]
      if (word.kind === 'end') return
      if (word.kind === 'failure') throw new Error(word.reason)
      if (word.kind === 'bytes') yield word.bytes
      reply(word.kind === 'bytes' ? 'go on' : await next())
    }
  } finally {
    port.close()
    await worker.terminate()
    await input.return?.()
  }

  async function next(): Promise<UnpackReply> {
    for (let chunk = await input.next(); !chunk.done; chunk = await input.next()) {
      if (chunk.value.length > 0) return chunk.value
    }
    return 'end'
  }
}

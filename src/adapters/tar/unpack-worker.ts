import { receiveMessageOnPort, workerData } from 'node:worker_threads'
import { unpackBzip2 } from './bzip2.ts'
import { unpackLz4 } from './lz4.ts'
import type { UnpackOrder, UnpackReply, UnpackWord } from './unpack-orders.ts'

const { compression, port, replies } = workerData as UnpackOrder
const count = new Int32Array(replies)

/** Says a word and sleeps until it is answered. */
function ask(word: UnpackWord): UnpackReply {
  const before = Atomics.load(count, 0)
  port.postMessage(word)
  Atomics.wait(count, 0, before)
  return receiveMessageOnPort(port)?.message
}

const read = (): Uint8Array | undefined => {
  const reply = ask({ kind: 'more' })
  return reply instanceof Uint8Array ? reply : undefined
}
const write = (bytes: Uint8Array): void => void ask({ kind: 'bytes', bytes })

// The last word is not answered: this thread sleeps until it is ended, lest its end be heard before the word.
ask(unpack())

function unpack(): UnpackWord {
  try {
    if (compression === 'bzip2') unpackBzip2(read, write)
    else unpackLz4(read, write)
    return { kind: 'end' }
  } catch (error) {
    return { kind: 'failure', reason: error instanceof Error ? error.message : String(error) }
  }
}

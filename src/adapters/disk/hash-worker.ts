import { createHash, type Hash } from 'node:crypto'
import { closeSync, openSync, readSync } from 'node:fs'
import { parentPort } from 'node:worker_threads'
import type { HashAnswer, HashOrder } from './hash-orders.ts'

/** A file that is hashed as it grows. */
interface Followed {
  readonly fd: number
  readonly hash: Hash
  done: number
  /** Bytes that may be hashed by now. */
  target: number
  /** The whole size, once it is known. */
  end: number | undefined
}

/** Bytes of one file before the next one has its turn and orders are read. */
const turnBytes = 4 * 1024 * 1024

const port = parentPort
const buffer = Buffer.allocUnsafeSlow(256 * 1024)
const files = new Map<number, Followed>()
const handed = new Map<number, Hash>()
let isTurning = false

port?.on('message', (order: HashOrder) => {
  try {
    obey(order)
  } catch (error) {
    fail(order.id, error)
  }
})

function obey(order: HashOrder): void {
  if (order.kind === 'follow') {
    const fd = openSync(order.path, 'r')
    const hash = createHash(order.algorithm)
    files.set(order.id, { fd, hash, done: 0, target: 0, end: undefined })
    return
  }
  if (order.kind === 'begin') {
    handed.set(order.id, createHash(order.algorithm))
    return
  }
  const hash = handed.get(order.id)
  if (hash !== undefined) obeyHanded(order, hash)
  const file = files.get(order.id)
  if (file !== undefined) obeyFollowed(order, file)
}

function obeyHanded(order: HashOrder, hash: Hash): void {
  if (order.kind === 'update') {
    const { id, bytes } = order
    hash.update(bytes)
    port?.postMessage({ id, back: bytes } satisfies HashAnswer, [bytes.buffer])
    return
  }
  handed.delete(order.id)
  if (order.kind === 'end') answer({ id: order.id, hex: hash.digest('hex') })
}

function obeyFollowed(order: HashOrder, file: Followed): void {
  if (order.kind === 'stop') {
    drop(order.id, file)
    return
  }
  if (order.kind !== 'advance' && order.kind !== 'finish') return
  file.target = order.size
  if (order.kind === 'finish') file.end = order.size
  if (!isTurning) turn()
}

/** Gives every file that has something to hash one turn. */
function turn(): void {
  isTurning = false
  for (const [id, file] of files) {
    try {
      advance(file)
      if (file.done === file.end) finish(id, file)
      else if (file.done < file.target) isTurning = true
    } catch (error) {
      fail(id, error)
    }
  }
  if (isTurning) setImmediate(turn)
}

function advance(file: Followed): void {
  const stop = Math.min(file.target, file.done + turnBytes)
  while (file.done < stop) {
    const want = Math.min(buffer.length, stop - file.done)
    const got = readSync(file.fd, buffer, 0, want, file.done)
    if (got === 0) throw new Error(`the file ends at ${file.done} bytes`)
    file.hash.update(got === buffer.length ? buffer : buffer.subarray(0, got))
    file.done += got
  }
}

function finish(id: number, file: Followed): void {
  drop(id, file)
  answer({ id, hex: file.hash.digest('hex') })
}

function fail(id: number, error: unknown): void {
  const file = files.get(id)
  if (file !== undefined) drop(id, file)
  answer({ id, failure: error instanceof Error ? error.message : String(error) })
}

function drop(id: number, file: Followed): void {
  files.delete(id)
  closeSync(file.fd)
}

function answer(message: HashAnswer): void {
  port?.postMessage(message)
}

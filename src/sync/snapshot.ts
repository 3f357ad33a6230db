import { leafCount } from '../ledger/leaf.ts'
import type { NodeId } from '../ports/node-id.ts'
import { type PeerClient, PeerFailure, type PeerStream } from '../ports/peer-port.ts'
import type { LeafRecords, RecordStore } from '../ports/record-store.ts'
import type { Timers } from '../ports/timers.ts'
import type { Intake } from './intake.ts'
import { inOneTurn, turnMs } from './one-turn.ts'
import {
  busyAnswer,
  bytesOf,
  decodeLeafRecords,
  decodeWord,
  encodeLeafRecords,
  encodeWord,
} from './wire.ts'

/** Records in one frame, bytes. */
const frameBytes = 64 * 1024

/** Largest frame that is taken, bytes: a leaf is never divided. */
const maxFrameBytes = 8 * 1024 * 1024

/**
 * Records taken at once, bytes: the store writes them in the order of their keys, and the more of them the fewer pages it changes for
 * each. While they are written as many more are fetched.
 */
const takenBytes = 4 * 1024 * 1024

/** Snapshots sent at once, and to one node: how long they take is up to who reads them. */
const maxSent = 2
const maxSentToOne = 1

/**
 * Answers with all records from a leaf on, in frames: four bytes of length, then records of whole leaves in ascending order. Whoever
 * takes them so slowly that his turn is over before the end is cut, and may ask for the rest.
 */
export function createSnapshotServer({
  store,
  timers,
}: {
  readonly store: Pick<RecordStore, 'all'>
  readonly timers: Timers
}): PeerStream {
  const sentTo: NodeId[] = []

  function isFull(id: NodeId): boolean {
    const already = sentTo.filter(other => other === id).length
    return sentTo.length >= maxSent || already >= maxSentToOne
  }

  return async function* serve(question, asker) {
    const from = decodeWord(question)
    if (typeof from !== 'number' || isFull(asker)) {
      yield frame(busyAnswer)
      return
    }
    sentTo.push(asker)
    let isOver = false
    const cancel = timers.after(turnMs, () => {
      isOver = true
    })
    try {
      let leaves: LeafRecords[] = []
      let bytes = 0
      for await (const leaf of store.all(from)) {
        if (isOver) throw new PeerFailure('busy', 'its turn is over')
        leaves.push(leaf)
        bytes += bytesOf(leaf.records)
        if (bytes < frameBytes) continue
        yield frame(encodeLeafRecords(leaves))
        leaves = []
        bytes = 0
      }
      yield frame(encodeLeafRecords(leaves))
    } finally {
      cancel()
      sentTo.splice(sentTo.indexOf(asker), 1)
    }
  }
}

function frame(content: Uint8Array): Uint8Array {
  const framed = Buffer.alloc(4 + content.length)
  framed.writeUInt32BE(content.length)
  framed.set(content, 4)
  return framed
}

/** How far the fetching of another node's records came. */
export interface SnapshotProgress {
  /** All before this leaf has been taken. */
  readonly nextLeaf: number
  /** `whole`: to the end. */
  readonly result: 'whole' | 'busy' | 'failed'
  readonly received: number
  readonly bytesIn: number
}

/**
 * Takes all that another node holds from a leaf on, in bounded pieces. Where it ends early, another node can be asked for the rest.
 * Rejects only when `signal` is aborted.
 */
export function createSnapshotFetch(parts: {
  readonly intake: Intake
  readonly peers: Pick<PeerClient, 'stream'>
  readonly timers: Timers
  readonly onNonsense: (id: NodeId) => void
  readonly onFailure: (id: NodeId, err: unknown) => void
}): (id: NodeId, from: number, signal: AbortSignal) => Promise<SnapshotProgress> {
  const { intake, peers } = parts

  /** Takes pieces in their order. */
  function createQueue(id: NodeId, from: number) {
    const progress = { nextLeaf: from, received: 0, bytesIn: 0 }
    let gathered: LeafRecords[] = []
    let gatheredBytes = 0
    let taking: Promise<void> = Promise.resolve()

    async function take(leaves: readonly LeafRecords[]): Promise<void> {
      progress.received += await intake.take(leaves, id)
      progress.nextLeaf = Math.max(progress.nextLeaf, 1 + (leaves.at(-1)?.leaf ?? -1))
    }

    async function takeGathered(): Promise<void> {
      await taking
      taking = take(gathered)
      // Awaited in its turn; until then its failure is nobody's.
      taking.catch(() => {})
      gathered = []
      gatheredBytes = 0
    }

    return {
      progress,
      async add(leaves: readonly LeafRecords[], bytes: number): Promise<void> {
        for (const leaf of leaves) gathered.push(leaf)
        gatheredBytes += bytes
        if (gatheredBytes >= takenBytes) await takeGathered()
      },
      async end(): Promise<void> {
        await takeGathered()
        await taking
      },
    }
  }

  async function fetchAll(
    id: NodeId,
    queue: ReturnType<typeof createQueue>,
    signal: AbortSignal,
  ): Promise<SnapshotProgress['result']> {
    const question = encodeWord(queue.progress.nextLeaf)
    const chunks = peers.stream(id, 'sync/snapshot', question, { signal })
    let next = queue.progress.nextLeaf
    for await (const content of framesOf(chunks)) {
      queue.progress.bytesIn += content.length
      const leaves = decodeLeafRecords(content)
      if (leaves === 'busy') return 'busy'
      if (leaves === undefined || leaves.some(({ leaf }, i) => leaf < next + i)) {
        throw new Nonsense(`${id} sent a snapshot that makes no sense`)
      }
      next = 1 + (leaves.at(-1)?.leaf ?? leafCount)
      await queue.add(leaves, content.length)
    }
    await queue.end()
    return 'whole'
  }

  return async (id, from, signal) => {
    const queue = createQueue(id, from)
    let result: SnapshotProgress['result'] = 'failed'
    try {
      result = await inOneTurn(parts.timers, signal, turn => fetchAll(id, queue, turn))
    } catch (err) {
      signal.throwIfAborted()
      if (err instanceof Nonsense) parts.onNonsense(id)
      parts.onFailure(id, err)
      await takeTheRest(queue, id)
    }
    signal.throwIfAborted()
    return { ...queue.progress, result }
  }

  /** What came whole before the source ended need not come again. */
  async function takeTheRest(queue: ReturnType<typeof createQueue>, id: NodeId): Promise<void> {
    try {
      await queue.end()
    } catch (err) {
      parts.onFailure(id, err)
    }
  }
}

class Nonsense extends Error {}

/** Puts frames together again, however the stream was cut. */
async function* framesOf(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array, void> {
  const waiting = createWaiting()
  for await (const chunk of chunks) {
    waiting.add(chunk)
    for (let content = waiting.take(); content !== undefined; content = waiting.take()) {
      yield content
    }
  }
  if (!waiting.isEmpty()) throw new Nonsense('a frame was cut')
}

/** Bytes of frames that are not whole yet; put together only once they are enough. */
function createWaiting() {
  let parts: Uint8Array[] = []
  let bytes = 0
  let wanted = 4

  function join(): Buffer {
    const joined = Buffer.concat(parts)
    parts = [joined]
    return joined
  }

  return {
    isEmpty: () => bytes === 0,
    add(chunk: Uint8Array): void {
      parts.push(chunk)
      bytes += chunk.length
    },
    take(): Uint8Array | undefined {
      if (bytes < wanted) return undefined
      const joined = join()
      const length = joined.readUInt32BE()
      if (length > maxFrameBytes) throw new Nonsense('a frame is too large')
      wanted = 4 + length
      if (bytes < wanted) return undefined
      parts = [joined.subarray(wanted)]
      bytes -= wanted
      wanted = 4
      return joined.subarray(4, 4 + length)
    },
  }
}

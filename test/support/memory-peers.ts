import { setTimeout as wait } from 'node:timers/promises'
import { type ChunkHashes, createChunkHashes } from '../../src/adapters/peer-http/chunk-hashes.ts'
import type { BlobReader } from '../../src/ports/content-store.ts'
import type { NodeId } from '../../src/ports/node-id.ts'
import {
  type PeerBlobQuestion,
  type PeerClient,
  PeerFailure,
  type PeerService,
  workingEveryMs,
} from '../../src/ports/peer-port.ts'
import type { BlobAnswer } from '../../src/ports/upstream.ts'

/** What is wrong with a node. All can be changed while it runs, also in the middle of a body. */
export interface PeerFaults {
  /** Its process is gone: what is asked fails at once, bodies break. */
  dead?: boolean
  /** Its process is stopped: nothing comes any more, until it is set back. */
  silent?: boolean
  /** It does not take us for a member. */
  refusing?: boolean
  busy?: boolean
  /** Each answer's head comes later, ms. */
  delayMs?: number
  /** Changes the bytes of blobs and manifests as they are sent; gives what is sent in their place. */
  lie?: (bytes: Uint8Array, offset: number) => Uint8Array
  /** A blob's body breaks once this many bytes of it were sent. */
  cutAfterBytes?: number
  /** A blob's body stalls once this many bytes of it were sent. */
  stallAfterBytes?: number
}

/** One question as it reached a node. */
export interface PeerAsked {
  readonly from: NodeId
  readonly to: NodeId
  /** `call sync/root`, `stream …`, `manifest sha256:…`, `blob sha256:…`, `chunks sha256:…`. */
  readonly what: string
  readonly blob?: PeerBlobQuestion
}

/** A node of the network. */
export interface MemoryPeer {
  readonly id: NodeId
  /** Asks the others. */
  readonly client: PeerClient
  /** What it offers; fields left out are empty. Can be replaced. */
  service: Partial<PeerService>
  readonly faults: PeerFaults
  /** How often one of its faults met somebody who asked. */
  readonly fired: () => number
}

/** Nodes in one process that ask each other without a socket: the fake behind the peer port's conformance suite. */
export interface MemoryPeers {
  join(
    id: NodeId,
    service?: Partial<PeerService>,
    told?: {
      readonly onHeard?: (id: NodeId, roundTripMs: number) => void
      readonly onMissed?: (id: NodeId) => void
    },
  ): MemoryPeer
  leave(id: NodeId): void
  get(id: NodeId): MemoryPeer | undefined
  /** Everything that reached a node, in order. */
  readonly asked: PeerAsked[]
  /** Nodes of different groups cannot reach each other; without groups all can. */
  partition(...groups: readonly (readonly NodeId[])[]): void
}

/** A made-up node id: the same number has the same one. */
export const nodeIdOf = (number: number): NodeId => number.toString(16).padStart(64, '0')

const chunkBytes = 64 * 1024
const defaultMaxBytes = 1024 * 1024

/** Makes a network without nodes. `stallMs` bounds silence as `peer.stallMs` does. */
export function createMemoryPeers({
  stallMs = 5_000,
}: {
  readonly stallMs?: number
} = {}): MemoryPeers {
  const nodes = new Map<NodeId, Node>()
  const asked: PeerAsked[] = []
  let groups: readonly (readonly NodeId[])[] = []

  const groupOf = (id: NodeId): number => groups.findIndex(group => group.includes(id))

  function nodeAt(from: NodeId, to: NodeId): Node {
    const node = nodes.get(to)
    if (node === undefined || groupOf(from) !== groupOf(to)) {
      throw new PeerFailure('unreachable', `nobody at ${to}`)
    }
    return node
  }

  /** Everything that can go wrong before an answer's head. */
  async function arrive(from: NodeId, to: NodeId, what: Omit<PeerAsked, 'from' | 'to'>, by: By) {
    by.signal.throwIfAborted()
    const node = nodeAt(from, to)
    const { faults } = node.peer
    await stand(node, by)
    if (faults.refusing) throw node.fails('refused', `${to} refuses ${from}`)
    asked.push({ from, to, ...what })
    if (faults.busy) throw node.fails('busy', `${to} is busy`)
    if (faults.delayMs !== undefined) {
      node.fire()
      await within(wait(faults.delayMs), by)
    }
    return node
  }

  /** Waits until the node is not silent any more. */
  async function stand(node: Node, by: By): Promise<void> {
    if (node.peer.faults.dead) throw node.fails('unreachable', `${node.peer.id} is gone`)
    if (!node.peer.faults.silent) return
    node.fire()
    const until = async () => {
      while (node.peer.faults.silent && performance.now() < by.deadlineMs) await wait(2)
    }
    await within(until(), by)
    if (node.peer.faults.silent) throw new PeerFailure('timeout', 'silent for too long')
    if (node.peer.faults.dead) throw node.fails('unreachable', `${node.peer.id} is gone`)
  }

  function clientOf(self: NodeId, tell: Tell): PeerClient {
    return {
      async call(id, subject, question, { signal, timeoutMs, maxBytes = defaultMaxBytes }) {
        const by = { signal, deadlineMs: performance.now() + timeoutMs }
        return tell(id, async () => {
          const node = await arrive(self, id, { what: `call ${subject}` }, by)
          const answer = node.peer.service.answers?.get(subject)
          if (answer === undefined) throw new PeerFailure('absent', `no ${subject} at ${id}`)
          const work = node.inside(by, cut => answer(Uint8Array.from(question), self, cut))
          return bounded(Uint8Array.from(await work), maxBytes)
        })
      },
      async *stream(id, subject, question, { signal }) {
        const by = () => ({ signal, deadlineMs: performance.now() + stallMs })
        const { node, chunks } = await tell(id, async () => {
          const node = await arrive(self, id, { what: `stream ${subject}` }, by())
          const start = node.peer.service.streams?.get(subject)
          if (start === undefined) throw new PeerFailure('absent', `no ${subject} at ${id}`)
          return { node, chunks: start(Uint8Array.from(question), self, signal) }
        })
        const iterator = chunks[Symbol.asyncIterator]()
        try {
          for (;;) {
            const next = await tell(id, async () => {
              const next = await node.inside(by(), () => iterator.next())
              await stand(node, by())
              return next
            })
            if (next.done) return
            yield Uint8Array.from(next.value)
          }
        } finally {
          iterator.return?.()?.catch(() => undefined)
        }
      },
      async getManifest(id, digest, repository, options) {
        const { signal, timeoutMs, maxBytes = defaultMaxBytes } = options
        const by = { signal, deadlineMs: performance.now() + timeoutMs }
        return tell(id, async () => {
          const node = await arrive(self, id, { what: `manifest ${digest}` }, by)
          const get = node.peer.service.getManifest
          const found = await node.inside(by, cut => get?.(digest, repository, cut))
          if (found === undefined) throw new PeerFailure('absent', `no ${digest} at ${id}`)
          const bytes = Buffer.from(node.lied(found.bytes, 0))
          return { mediaType: found.mediaType, bytes: bounded(bytes, maxBytes) }
        })
      },
      async openBlob(id, question, { signal, firstByteMs, onWorking }) {
        const by = { signal, deadlineMs: performance.now() + firstByteMs }
        const say = (): void => {
          const { silent = false, dead = false } = nodes.get(id)?.peer.faults ?? {}
          if (question.relay && !silent && !dead) onWorking?.()
        }
        const saying = setInterval(say, workingEveryMs)
        const answer = tell(id, async () => {
          const node = await arrive(
            self,
            id,
            { what: `blob ${question.digest}`, blob: question },
            by,
          )
          const open = node.peer.service.openBlob
          const reader = await node.inside(by, cut => open?.(question, self, cut))
          if (reader === undefined)
            throw new PeerFailure('absent', `no ${question.digest} at ${id}`)
          return send(node, reader, question, by, tell)
        })
        return answer.finally(() => clearInterval(saying))
      },
      async getChunkHashes(id, question, { signal, timeoutMs }) {
        const by = { signal, deadlineMs: performance.now() + timeoutMs }
        return tell(id, async () => {
          const node = await arrive(self, id, { what: `chunks ${question.digest}` }, by)
          const { digest, repository } = question
          const blob = { digest, repository, offset: 0, relay: false, priority: 'pull' } as const
          const open = async () => node.peer.service.openBlob?.(blob, self, signal)
          const found = await node.inside(by, cut => node.chunks.tell(question, open, cut))
          if (found === undefined) throw new PeerFailure('absent', `no ${digest} at ${id}`)
          return found
        })
      },
    }
  }

  /** How many more bytes a body has before a fault strikes; strikes when it is time. */
  async function mostAfter(node: Node, sent: number, by: By): Promise<number> {
    const { cutAfterBytes = Number.POSITIVE_INFINITY, stallAfterBytes = Number.POSITIVE_INFINITY } =
      node.peer.faults
    if (sent >= cutAfterBytes) {
      throw node.fails('unreachable', `${node.peer.id} broke off after ${sent} bytes`)
    }
    if (sent >= stallAfterBytes) {
      node.fire()
      await within(new Promise(() => {}), by)
    }
    return Math.min(cutAfterBytes, stallAfterBytes) - sent
  }

  async function send(
    node: Node,
    reader: BlobReader,
    { digest, offset, end }: PeerBlobQuestion,
    head: By,
    tell: Tell,
  ): Promise<BlobAnswer> {
    const stop = Math.min((end ?? reader.size - 1) + 1, reader.size)
    let position = offset
    let isClosed = false

    async function close(): Promise<void> {
      if (isClosed) return
      isClosed = true
      head.signal.removeEventListener('abort', onAbort)
      await reader.close()
    }
    const onAbort = (): void => void close()

    async function read(by: By): Promise<Uint8Array> {
      const sent = position - offset
      await stand(node, by)
      const most = Math.min(chunkBytes, stop - position, await mostAfter(node, sent, by))
      const into = new Uint8Array(most)
      const got = await node.broken(by, () => reader.read(into, position))
      if (got === 0) throw node.fails('unreachable', `the body of ${digest} was cut`)
      const bytes = node.lied(into.subarray(0, got), position)
      position += got
      return bytes
    }

    head.signal.addEventListener('abort', onAbort, { once: true })
    let first: Uint8Array | undefined
    try {
      if (offset > 0 && offset >= reader.size) {
        throw new PeerFailure('absent', `${digest} has ${reader.size} bytes`)
      }
      if (position < stop) first = await read(head)
    } catch (error) {
      await close()
      throw error
    }

    async function next(): Promise<IteratorResult<Uint8Array>> {
      const value = first ?? (position < stop ? await tell(node.peer.id, readOn) : undefined)
      first = undefined
      if (value !== undefined) return { done: false, value }
      await close()
      return { done: true, value: undefined }
    }
    const readOn = () => read({ signal: head.signal, deadlineMs: performance.now() + stallMs })

    const body: AsyncIterator<Uint8Array> = {
      async next() {
        try {
          head.signal.throwIfAborted()
          return await next()
        } catch (error) {
          await close()
          throw error
        }
      },
      async return() {
        await close()
        return { done: true, value: undefined }
      },
    }
    return { offset, size: reader.size, body: { [Symbol.asyncIterator]: () => body } }
  }

  return {
    asked,
    join(id, service = {}, told = {}) {
      const tell: Tell = async (to, work) => {
        const sinceMs = performance.now()
        try {
          const answer = await work()
          told.onHeard?.(to, performance.now() - sinceMs)
          return answer
        } catch (error) {
          const code = error instanceof PeerFailure ? error.code : undefined
          if (code === 'unreachable' || code === 'timeout') told.onMissed?.(to)
          throw error
        }
      }
      const peer = { id, client: clientOf(id, tell), service, faults: {}, fired: () => node.fired }
      const node: Node = createNode(peer)
      nodes.set(id, node)
      return peer
    },
    leave: id => void nodes.delete(id),
    get: id => nodes.get(id)?.peer,
    partition: (...of) => {
      groups = of
    },
  }
}

type Tell = <T>(to: NodeId, work: () => Promise<T>) => Promise<T>

/** Who waits, and until when. */
interface By {
  readonly signal: AbortSignal
  readonly deadlineMs: number
}

interface Node {
  readonly peer: MemoryPeer
  readonly chunks: ChunkHashes
  fired: number
  fire(): void
  fails(code: PeerFailure['code'], message: string): PeerFailure
  lied(bytes: Uint8Array, offset: number): Uint8Array
  /** Runs a handler within the time; what it throws is told as the port says. */
  inside<T>(by: By, work: (signal: AbortSignal) => T | Promise<T>): Promise<T>
  /** The same in the middle of a body: what it throws breaks the body. */
  broken<T>(by: By, work: () => Promise<T>): Promise<T>
}

function createNode(peer: MemoryPeer): Node {
  const told: ReadonlySet<string> = new Set(['absent', 'busy', 'refused'])
  const node: Node = {
    peer,
    chunks: createChunkHashes(),
    fired: 0,
    fire: () => {
      node.fired += 1
    },
    fails: (code, message) => {
      node.fire()
      return new PeerFailure(code, message)
    },
    lied: (bytes, offset) => {
      const { lie } = peer.faults
      if (lie === undefined) return bytes
      node.fire()
      return lie(bytes, offset)
    },
    async inside(by, work) {
      const cut = new AbortController()
      try {
        return await within(
          (async () => {
            try {
              return await work(cut.signal)
            } catch (error) {
              if (error instanceof PeerFailure && told.has(error.code)) throw error
              throw new PeerFailure('protocol', `${peer.id} failed inside`)
            }
          })(),
          by,
        )
      } catch (error) {
        cut.abort(error)
        throw error
      }
    },
    broken: (by, work) =>
      within(
        work().catch(() => {
          throw new PeerFailure('unreachable', `${peer.id} broke off`)
        }),
        by,
      ),
  }
  return node
}

/** Waits no longer than until the deadline or an abort. */
async function within<T>(promise: Promise<T>, { signal, deadlineMs }: By): Promise<T> {
  promise.catch(() => undefined)
  signal.throwIfAborted()
  const { promise: over, reject } = Promise.withResolvers<never>()
  const onAbort = () => reject(signal.reason)
  const leftMs = Math.max(0, deadlineMs - performance.now())
  const timer = setTimeout(() => reject(new PeerFailure('timeout', 'silent for too long')), leftMs)
  signal.addEventListener('abort', onAbort, { once: true })
  try {
    return await Promise.race([promise, over])
  } finally {
    clearTimeout(timer)
    signal.removeEventListener('abort', onAbort)
  }
}

function bounded<T extends Uint8Array>(bytes: T, maxBytes: number): T {
  if (bytes.length <= maxBytes) return bytes
  throw new PeerFailure('protocol', `an answer of ${bytes.length} bytes`)
}

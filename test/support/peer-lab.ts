import { createHash } from 'node:crypto'
import type { BlobReader } from '../../src/ports/content-store.ts'
import type { Member, Members } from '../../src/ports/members.ts'
import type { NodeId } from '../../src/ports/node-id.ts'
import {
  type PeerFailure as Failure,
  type PeerClient,
  PeerFailure,
  type PeerService,
} from '../../src/ports/peer-port.ts'

/** A node as a test names it. */
export const nodeId = (name: string): NodeId => createHash('sha256').update(name).digest('hex')

type Said = Partial<Pick<Member, 'zone' | 'upstreams' | 'roomBytes' | 'platforms' | 'isNeighbour'>>

/** What the lab counted of one node's answers. */
export interface Asked {
  readonly by: NodeId
  readonly id: NodeId
  readonly what: string
}

const chunkBytes = 64 * 1024

/**
 * Several nodes in one process, without a network: what one asks, the other's handlers answer, in order and without timers. A node can
 * be killed (what runs breaks, what is asked fails at once) and frozen (nothing comes any more until the asker's patience ends).
 */
export function createPeerLab({ patienceMs = 60 }: { readonly patienceMs?: number } = {}) {
  const services = new Map<NodeId, PeerService>()
  const said = new Map<NodeId, Said>()
  const states = new Map<NodeId, Member['state']>()
  const dead = new Set<NodeId>()
  const frozen = new Set<NodeId>()
  const listeners = new Set<() => void>()
  const asked: Asked[] = []

  const fail = (code: Failure['code'], id: NodeId, what: string) =>
    new PeerFailure(code, `${id.slice(0, 8)} ${what}: ${code}`)

  const tell = () => {
    for (const listener of listeners) listener()
  }

  function memberOf(id: NodeId): Member {
    return {
      id,
      name: id.slice(0, 4),
      zone: undefined,
      platforms: ['linux/amd64'],
      peerAddresses: [],
      meshAddresses: [],
      version: '0',
      protocol: 1,
      state: states.get(id) ?? 'alive',
      lastSeenMs: 0,
      ledgerRoot: '',
      upstreams: [],
      clockSkewMs: 0,
      clockVerified: true,
      roundTripMs: undefined,
      isNeighbour: true,
      keyId: '',
      roomBytes: 2 ** 40,
      ...said.get(id),
    }
  }

  function setState(id: NodeId, state: Member['state']): void {
    if ((states.get(id) ?? 'alive') === state) return
    states.set(id, state)
    tell()
  }

  /** Settles as the answer does, or fails as a node does that is gone. */
  async function reach<T>(
    by: NodeId,
    id: NodeId,
    what: string,
    signal: AbortSignal,
    answer: (service: PeerService) => Promise<T>,
    timeoutMs = patienceMs,
  ): Promise<T> {
    asked.push({ by, id, what })
    const service = services.get(id)
    if (dead.has(id) || service === undefined) throw fail('unreachable', id, what)
    if (!frozen.has(id)) return ended(answer(service), signal)
    return ended(patience(id, what, Math.min(timeoutMs, patienceMs)), signal)
  }

  function patience(id: NodeId, what: string, ms: number): Promise<never> {
    return new Promise((_resolve, reject) => {
      setTimeout(() => reject(fail('timeout', id, what)), ms)
    })
  }

  function ended<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
    return new Promise((resolve, reject) => {
      if (signal.aborted) return reject(signal.reason)
      const abort = () => reject(signal.reason)
      signal.addEventListener('abort', abort)
      work.then(resolve, reject).finally(() => signal.removeEventListener('abort', abort))
    })
  }

  async function* read(
    id: NodeId,
    reader: BlobReader,
    { from, end }: { readonly from: number; readonly end: number },
    signal: AbortSignal,
  ): AsyncGenerator<Uint8Array> {
    try {
      for (let at = from; at < end; ) {
        const into = new Uint8Array(Math.min(chunkBytes, end - at))
        const count = await readSome(id, reader, into, at, signal)
        at += count
        yield into.subarray(0, count)
      }
    } finally {
      await reader.close()
    }
  }

  async function readSome(
    id: NodeId,
    reader: BlobReader,
    into: Uint8Array,
    at: number,
    signal: AbortSignal,
  ): Promise<number> {
    if (dead.has(id)) throw fail('unreachable', id, 'broke off')
    if (frozen.has(id)) await ended(patience(id, 'stalls', patienceMs), signal)
    signal.throwIfAborted()
    const cut = (error: unknown): never => {
      signal.throwIfAborted()
      throw new PeerFailure('unreachable', `${id.slice(0, 8)} was cut`, error)
    }
    const count = await ended(reader.read(into, at), signal).catch(cut)
    if (count === 0) throw fail('unreachable', id, 'ended early')
    return count
  }

  function client(by: NodeId): PeerClient {
    return {
      call: (id, subject, question, { signal, timeoutMs }) =>
        reach(
          by,
          id,
          subject,
          signal,
          async service => {
            const answer = service.answers.get(subject)
            if (answer === undefined) throw fail('absent', id, subject)
            return answer(question, by, signal)
          },
          timeoutMs,
        ),
      getChunkHashes: () => {
        throw new Error('no chunk hashes in the lab')
      },
      stream: () => {
        throw new Error('no streams in the lab')
      },
      getManifest: (id, digest, repository, { signal, timeoutMs }) =>
        reach(
          by,
          id,
          `manifest ${digest}`,
          signal,
          async service => {
            const found = await service.getManifest(digest, repository, signal)
            if (found === undefined) throw fail('absent', id, digest)
            return found
          },
          timeoutMs,
        ),
      openBlob: (id, question, { signal, firstByteMs }) =>
        reach(
          by,
          id,
          `${question.relay ? 'relay' : 'blob'} ${question.digest}`,
          signal,
          async service => {
            const reader = await service.openBlob(question, by, signal)
            if (reader === undefined) throw fail('absent', id, question.digest)
            const { offset, end = reader.size - 1 } = question
            const span = { from: offset, end: Math.min(end + 1, reader.size) }
            const body = read(id, reader, span, signal)
            return { offset, size: reader.size, body }
          },
          firstByteMs,
        ),
    }
  }

  return {
    /** All questions, oldest first. */
    asked: asked as readonly Asked[],
    /** What one node answers. Without `answers` and the like it has nothing. */
    serve(id: NodeId, service: Partial<PeerService>): void {
      services.set(id, {
        answers: new Map(),
        streams: new Map(),
        openBlob: async () => undefined,
        getManifest: async () => undefined,
        ...service,
      })
      tell()
    },
    /** What a node says of itself. */
    say(id: NodeId, what: Said): void {
      said.set(id, { ...said.get(id), ...what })
      tell()
    },
    client,
    /** Everybody who serves, as one of them sees it. */
    members(self: NodeId): Members {
      const all = () => [...services.keys()].filter(id => id !== self).map(memberOf)
      let alive: readonly Member[] | undefined
      listeners.add(() => {
        alive = undefined
      })
      return {
        self,
        all,
        alive() {
          alive ??= all().filter(({ state }) => state === 'alive')
          return alive
        },
        get: id => (services.has(id) && id !== self ? memberOf(id) : undefined),
        heard: id => setState(id, 'alive'),
        missed: id => setState(id, 'suspect'),
        onChange(listener) {
          listeners.add(listener)
          return () => void listeners.delete(listener)
        },
      }
    },
    setState,
    kill(id: NodeId): void {
      dead.add(id)
    },
    revive(id: NodeId): void {
      dead.delete(id)
      frozen.delete(id)
      setState(id, 'alive')
    },
    freeze(id: NodeId): void {
      frozen.add(id)
    },
  }
}

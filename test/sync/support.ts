import type { SignedRecord } from '../../src/ledger/record.ts'
import type { Verdict } from '../../src/ports/bus.ts'
import { silentLog } from '../../src/ports/log.ts'
import type { Member } from '../../src/ports/members.ts'
import type { NodeId } from '../../src/ports/node-id.ts'
import { PeerFailure, type PeerStream } from '../../src/ports/peer-port.ts'
import type { RecordStore } from '../../src/ports/record-store.ts'
import type { Round } from '../../src/sync/catch-up.ts'
import { type Sync, startSync } from '../../src/sync/sync.ts'
import { today } from '../ports/tag-ledger.support.ts'
import { createMovableClock } from '../support/movable-clock.ts'
import { createMovableTimers } from '../support/movable-timers.ts'
import { seededRandom } from '../support/random.ts'

/** A node of the lab. */
export interface LabNode {
  readonly id: NodeId
  readonly store: RecordStore
  readonly sync: Sync
  readonly rounds: Round[]
  /** Nodes it thought badly of, in order. */
  readonly misbehaved: NodeId[]
  /** What it does with the next questions; another node's fault. */
  faults: {
    /** Changes an answer. */
    answer?: (subject: string, answer: Uint8Array) => Uint8Array
    /** Breaks a stream after so many chunks. */
    cutAfterChunks?: number
    /** Sends these instead of what it has, for ever. */
    stream?: () => Promise<Uint8Array>
    dead?: boolean
  }
}

/** Nodes that keep their records the same, in one process and on a clock that is moved. */
export interface SyncLab {
  readonly clock: ReturnType<typeof createMovableClock>
  readonly timers: ReturnType<typeof createMovableTimers>
  readonly nodes: ReadonlyMap<NodeId, LabNode>
  /** Subjects that were asked, in order: `from to subject`. */
  readonly asked: string[]
  add(id: NodeId, store: RecordStore): LabNode
  /** Two nodes become neighbours. */
  link(a: NodeId, b: NodeId): void
  /** Share of messages on the bus that is lost. */
  lose(share: number): void
  /** Only nodes of one group reach each other; without groups all do. */
  partition(...groups: readonly (readonly NodeId[])[]): void
  /** Hands a message to a node as if a neighbour had; every copy. */
  deliver(message: Uint8Array, to: NodeId, from: NodeId): Promise<Verdict>
  /** Messages published so far. */
  readonly published: { readonly from: NodeId; readonly message: Uint8Array }[]
  /** Moves the time on until all hold the same; fails after so long. */
  converge(atMostMs: number): Promise<void>
  close(): void
}

/** An empty one. The same seed and the same calls give the same run. */
export function createSyncLab(seed = 1, wallMs = today): SyncLab {
  const clock = createMovableClock(wallMs)
  const timers = createMovableTimers(clock)
  const random = seededRandom(seed)
  const nodes = new Map<
    NodeId,
    LabNode & { readonly seen: Set<string>; joined(id: NodeId): void }
  >()
  const links = new Set<string>()
  const asked: string[] = []
  const published: SyncLab['published'] = []
  const memberListeners = new Set<() => void>()
  let loss = 0
  let groups: readonly (readonly NodeId[])[] = []

  const reaches = (a: NodeId, b: NodeId): boolean =>
    groups.length === 0 || groups.some(group => group.includes(a) && group.includes(b))

  const nodeAt = (from: NodeId, to: NodeId) => {
    const node = nodes.get(to)
    if (node === undefined || node.faults.dead || !reaches(from, to)) {
      throw new PeerFailure('unreachable', `nobody at ${to}`)
    }
    return node
  }

  const neighboursOf = (id: NodeId): readonly NodeId[] =>
    [...nodes.keys()].filter(other => links.has(`${id} ${other}`) && reaches(id, other))

  function memberOf(id: NodeId, by: NodeId): Member {
    return {
      id,
      name: id.slice(0, 4),
      zone: undefined,
      platforms: [],
      peerAddresses: [],
      meshAddresses: [],
      version: '0',
      protocol: 1,
      state: reaches(id, by) && nodes.get(id)?.faults.dead !== true ? 'alive' : 'gone',
      isUnanswered: false,
      lastSeenMs: 0,
      ledgerRoot: nodes.get(id)?.sync.root() ?? '',
      upstreams: [],
      clockSkewMs: 0,
      clockVerified: true,
      roundTripMs: undefined,
      isNeighbour: links.has(`${id} ${by}`),
      keyId: '',
      roomBytes: 0,
    }
  }

  /** Gossip: to each neighbour, some lost, some twice, in any order. */
  function spread(message: Uint8Array, by: NodeId, except?: NodeId): number {
    const to = neighboursOf(by).filter(id => id !== except)
    for (const id of to) {
      if (random() < loss) continue
      const copies = random() < 0.1 ? 2 : 1
      for (let i = 0; i < copies; i++) {
        timers.after(random() * 50, () => void deliver(message, id, by))
      }
    }
    return to.length
  }

  async function deliver(message: Uint8Array, to: NodeId, from: NodeId): Promise<Verdict> {
    const node = nodes.get(to)
    if (node === undefined || node.faults.dead || !reaches(from, to)) return 'ignore'
    const name = Buffer.from(message).toString('latin1')
    if (node.seen.has(name)) return 'ignore'
    node.seen.add(name)
    const verdict = await node.sync.judge(message, from)
    if (verdict === 'accept') spread(message, to, from)
    return verdict
  }

  function add(id: NodeId, store: RecordStore): LabNode {
    const neighbourListeners = new Set<(change: { kind: 'joined' | 'left'; id: NodeId }) => void>()
    const rounds: Round[] = []
    const misbehaved: NodeId[] = []
    const others = (): readonly Member[] =>
      [...nodes.keys()].filter(other => other !== id).map(other => memberOf(other, id))
    const faults: LabNode['faults'] = {}
    const sync = startSync({
      store,
      bus: {
        async publish(message) {
          published.push({ from: id, message })
          return spread(message, id)
        },
        onNeighbour(listener) {
          neighbourListeners.add(listener)
          return () => void neighbourListeners.delete(listener)
        },
      },
      peers: {
        async call(to, subject, question) {
          asked.push(`${id} ${to} ${subject}`)
          const node = nodeAt(id, to)
          const answer = node.sync.answers.get(subject)
          if (answer === undefined) throw new PeerFailure('absent', subject)
          const bytes = await answer(question, id, AbortSignal.timeout(60_000))
          nodeAt(id, to)
          return node.faults.answer?.(subject, bytes) ?? bytes
        },
        async *stream(to, subject, question, { signal }) {
          asked.push(`${id} ${to} ${subject}`)
          const node = nodeAt(id, to)
          if (node.faults.stream !== undefined) yield* repeat(node.faults.stream, signal)
          let chunks = 0
          for await (const chunk of streamOf(node, subject)(question, id, signal)) {
            nodeAt(id, to)
            if (chunks++ >= (node.faults.cutAfterChunks ?? Number.POSITIVE_INFINITY)) {
              throw new PeerFailure('unreachable', `${to} died`)
            }
            // Cut elsewhere than it was sent.
            yield chunk.subarray(0, chunk.length >> 1)
            yield chunk.subarray(chunk.length >> 1)
          }
        },
      },
      members: {
        self: id,
        all: others,
        alive: () => others().filter(({ state }) => state === 'alive'),
        get: other => (nodes.has(other) ? memberOf(other, id) : undefined),
        heard: () => {},
        missed: () => {},
        silent: () => {},
        stalled: () => {},
        onChange(listener) {
          memberListeners.add(listener)
          return () => void memberListeners.delete(listener)
        },
      },
      clock,
      timers,
      random,
      log: silentLog,
      ageOut: async () => {},
      onMisbehaviour: other => misbehaved.push(other),
      observer: { round: round => rounds.push(round) },
    })
    const node = {
      id,
      store,
      sync,
      rounds,
      misbehaved,
      faults,
      seen: new Set<string>(),
      joined(other: NodeId) {
        for (const listener of neighbourListeners) listener({ kind: 'joined', id: other })
      },
    }
    nodes.set(id, node)
    return node
  }

  async function areEqual(): Promise<boolean> {
    const prints = new Set<string>()
    for (const { store } of nodes.values()) {
      prints.add(Buffer.from(await store.fingerprint()).toString('latin1'))
      if (prints.size > 1) return false
    }
    return true
  }

  return {
    clock,
    timers,
    nodes,
    asked,
    published,
    add,
    deliver,
    link(a, b) {
      links.add(`${a} ${b}`).add(`${b} ${a}`)
      if (!reaches(a, b)) return
      nodes.get(a)?.joined(b)
      nodes.get(b)?.joined(a)
    },
    lose(share) {
      loss = share
    },
    partition(...next) {
      const before = (a: NodeId, b: NodeId) => reaches(a, b)
      const apart = [...links].map(link => link.split(' ') as [NodeId, NodeId])
      const wereApart = apart.filter(([a, b]) => !before(a, b))
      groups = next
      for (const [a, b] of wereApart) if (reaches(a, b)) nodes.get(a)?.joined(b)
      for (const listener of memberListeners) listener()
    },
    async converge(atMostMs) {
      const untilMs = clock.monotonicMs() + atMostMs
      while (!(await areEqual())) {
        if (clock.monotonicMs() >= untilMs) throw new Error(`not equal after ${atMostMs} ms`)
        await timers.pass(1_000)
      }
    },
    close() {
      for (const { sync } of nodes.values()) sync.close()
    },
  }
}

function streamOf({ sync }: LabNode, subject: string): PeerStream {
  const stream = sync.streams.get(subject)
  if (stream === undefined) throw new PeerFailure('absent', subject)
  return stream
}

async function* repeat(chunk: () => Promise<Uint8Array>, signal: AbortSignal) {
  const ended = new Promise<never>((_, reject) =>
    signal.addEventListener('abort', () => reject(signal.reason), { once: true }),
  )
  ended.catch(() => {})
  for (;;) yield await Promise.race([chunk(), ended])
}

/** All a store holds, as texts in order. */
export async function contentsOf(store: RecordStore): Promise<readonly string[]> {
  const texts: string[] = []
  for await (const { records } of store.all(0)) texts.push(...records.map(textOf))
  return texts.sort()
}

/** A record as a text. */
export const textOf = ({ body, signature }: SignedRecord): string =>
  `${Buffer.from(body).toString('hex')}.${Buffer.from(signature).toString('hex')}`

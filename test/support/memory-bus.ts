import { createHash } from 'node:crypto'
import { type Bus, BusFailure, maxBusBytes, type Verdict } from '../../src/ports/bus.ts'
import type { ClusterKeys } from '../../src/ports/cluster-keys.ts'
import type { NodeId } from '../../src/ports/node-id.ts'
import { createChangingKeys } from './cluster-keys.ts'
import { createDueTimes } from './due-times.ts'
import { createMovableClock, type MovableClock } from './movable-clock.ts'
import { seededRandom } from './random.ts'

/** A number for all links, or one for each direction of each. */
type OfLink = number | ((from: NodeId, to: NodeId) => number)

/** A node to be started; everything has a default. */
export interface MemoryNode {
  readonly id?: NodeId
  readonly address?: string
  readonly keys?: ClusterKeys
}

/**
 * Many nodes in one process, over a network that does what it is told. What is sent with a delay waits until the network's clock is moved
 * past it; everything else is delivered by itself. The same seed and the same calls give the same run.
 */
export interface MemoryNetwork {
  readonly clock: MovableClock
  start(node?: MemoryNode): Bus
  /** Share of the messages, 0 to 1, that never arrive. Greetings are not lost. */
  lose(share: OfLink): void
  /** How long a message or a greeting takes one way. */
  delay(ms: OfLink): void
  /** From now on only nodes of one group reach each other; links between groups end. Who is in no group is alone. */
  partition(groups: readonly (readonly NodeId[])[]): void
  heal(): void
  /** Time passes; what falls due is delivered in its turn. */
  pass(ms: number): Promise<void>
  /** Time passes until nothing is under way. */
  settle(): Promise<void>
  readonly counts: { readonly sent: number; readonly lost: number; readonly bytes: number }
}

interface Link {
  readonly dialler: Node
  readonly dialled: Node
  readonly keyId: string
  readonly sinceMs: number
}

interface Node {
  readonly id: NodeId
  readonly address: string
  readonly keys: ClusterKeys
  readonly links: Map<NodeId, Link>
  readonly seen: Set<string>
  readonly listeners: Set<(change: Change) => void>
  judge: (message: Uint8Array, from: NodeId) => Verdict | Promise<Verdict>
  answer: ((greeting: Uint8Array, from: NodeId) => Promise<Uint8Array>) | undefined
  isClosed: boolean
}

type Change = { readonly kind: 'joined' | 'left'; readonly id: NodeId }

const maxSeen = 20_000
const patienceMs = 100

/** A network without nodes, loss or delay. */
export function createMemoryNetwork(
  options: { readonly seed?: number; readonly clock?: MovableClock } = {},
): MemoryNetwork {
  const { seed = 1, clock = createMovableClock(Date.UTC(2026, 10, 20)) } = options
  const random = seededRandom(seed)
  const nodes = new Map<NodeId, Node>()
  const events = createDueTimes<() => Promise<void> | void>()
  const counts = { sent: 0, lost: 0, bytes: 0 }
  let loss: OfLink = 0
  let delay: OfLink = 0
  let groups: readonly ReadonlySet<NodeId>[] | undefined
  let running: Promise<void> | undefined

  const onLink = (value: OfLink, from: Node, to: Node): number =>
    typeof value === 'number' ? value : value(from.id, to.id)

  const isReachable = (from: Node, to: Node): boolean =>
    !to.isClosed && (groups?.some(group => group.has(from.id) && group.has(to.id)) ?? true)

  function schedule(from: Node, to: Node, happen: () => Promise<void> | void): void {
    const dueMs = clock.monotonicMs() + onLink(delay, from, to)
    events.add(dueMs, happen)
    if (dueMs <= clock.monotonicMs()) void run(clock.monotonicMs())
  }

  /** Lets happen what is due until then, one after the other. */
  function run(untilMs: number): Promise<void> {
    const before = running
    const mine = (async () => {
      await before
      for (;;) {
        const dueMs = events.nextMs()
        if (dueMs === undefined || dueMs > untilMs) return
        if (dueMs > clock.monotonicMs()) clock.pass(dueMs - clock.monotonicMs())
        await events.take()?.()
      }
    })()
    running = mine
    void mine.finally(() => {
      if (running === mine) running = undefined
    })
    return mine
  }

  function tell(node: Node, change: Change): void {
    for (const listener of [...node.listeners]) listener(change)
  }

  function unlink({ dialler, dialled }: Link): void {
    if (!dialler.links.delete(dialled.id)) return
    dialled.links.delete(dialler.id)
    tell(dialler, { kind: 'left', id: dialled.id })
    tell(dialled, { kind: 'left', id: dialler.id })
  }

  function remember(node: Node, message: Uint8Array): boolean {
    const name = nameOf(message)
    if (node.seen.has(name)) return false
    node.seen.add(name)
    const [oldest] = node.seen
    if (node.seen.size > maxSeen && oldest !== undefined) node.seen.delete(oldest)
    return true
  }

  function send(from: Node, message: Uint8Array, except: NodeId | undefined): number {
    let handed = 0
    for (const [id, link] of from.links) {
      const to = link.dialler === from ? link.dialled : link.dialler
      if (id === except) continue
      handed += 1
      counts.sent += 1
      counts.bytes += message.byteLength
      if (random() < onLink(loss, from, to)) counts.lost += 1
      else schedule(from, to, () => receive(to, message, from))
    }
    return handed
  }

  async function receive(node: Node, message: Uint8Array, from: Node): Promise<void> {
    if (node.isClosed || !node.links.has(from.id) || !remember(node, message)) return
    if ((await ask(node, message, from.id)) === 'accept') send(node, message, from.id)
  }

  function renewKeys(node: Node): void {
    const accepted = node.keys.current()
    for (const link of [...node.links.values()]) {
      if (!accepted.some(({ id }) => id === link.keyId)) {
        unlink(link)
        continue
      }
      const keyId = link.dialler === node ? commonKey(node, link.dialled) : undefined
      if (keyId === undefined) continue
      const renewed = { ...link, keyId }
      node.links.set(link.dialled.id, renewed)
      link.dialled.links.set(node.id, renewed)
    }
  }

  function dial(node: Node, address: string, signal: AbortSignal): NodeId {
    const other = [...nodes.values()].find(one => one.address === address && !one.isClosed)
    if (signal.aborted || other === undefined || !isReachable(node, other)) {
      throw new BusFailure('unreachable', `${address} does not answer`, signal.reason)
    }
    if (other === node) throw new BusFailure('self', `${address} is this node`)
    if (!node.links.has(other.id)) link(node, other)
    return other.id
  }

  function link(node: Node, other: Node): void {
    const keyId = commonKey(node, other)
    if (keyId === undefined) {
      throw new BusFailure('refused', `${other.address} takes no key of ours`)
    }
    const made = { dialler: node, dialled: other, keyId, sinceMs: clock.monotonicMs() }
    node.links.set(other.id, made)
    other.links.set(node.id, made)
    tell(node, { kind: 'joined', id: other.id })
    tell(other, { kind: 'joined', id: node.id })
  }

  function start(given: MemoryNode = {}): Bus {
    const count = nodes.size + 1
    const node: Node = {
      id: given.id ?? createHash('sha256').update(`${seed} ${count}`).digest('hex'),
      address: given.address ?? `10.0.${count >> 8}.${count & 255}:5053`,
      keys: given.keys ?? createChangingKeys('first'),
      links: new Map(),
      seen: new Set(),
      listeners: new Set(),
      judge: () => 'ignore',
      answer: undefined,
      isClosed: false,
    }
    nodes.set(node.id, node)
    const forgetKeys = node.keys.onChange(() => renewKeys(node))

    function assertOpen(): void {
      if (node.isClosed) throw new BusFailure('closed', 'the bus is closed')
    }

    return {
      self: node.id,
      listening: [node.address],
      async publish(message) {
        assertOpen()
        assertSize(message)
        const sent = Uint8Array.from(message)
        return remember(node, sent) ? send(node, sent, undefined) : 0
      },
      judge(judge) {
        node.judge = judge
      },
      neighbours: () =>
        [...node.links].map(([id, { dialler, dialled, keyId, sinceMs }]) => ({
          id,
          address: (dialler === node ? dialled : dialler).address,
          direction: dialler === node ? 'outbound' : 'inbound',
          keyId,
          sinceMs,
        })),
      onNeighbour(listener) {
        node.listeners.add(listener)
        return () => void node.listeners.delete(listener)
      },
      async dial(address, signal) {
        assertOpen()
        return dial(node, address, signal)
      },
      async greet(id, greeting, signal) {
        assertOpen()
        assertSize(greeting)
        const other = nodes.get(id)
        if (other === undefined || !node.links.has(id)) {
          throw new BusFailure('closed', `${id} is no neighbour`)
        }
        return await greet(node, other, greeting, signal)
      },
      answerGreetings(answer) {
        node.answer = answer
      },
      // Nodes are told apart by their keys here: there are no two with one.
      onTwin: () => () => {},
      async hangUp(id) {
        const link = node.links.get(id)
        if (link !== undefined) unlink(link)
      },
      async close() {
        if (node.isClosed) return
        node.isClosed = true
        forgetKeys()
        for (const link of [...node.links.values()]) unlink(link)
      },
    }
  }

  async function greet(
    from: Node,
    to: Node,
    greeting: Uint8Array,
    signal: AbortSignal,
  ): Promise<Uint8Array> {
    const { promise, resolve, reject } = Promise.withResolvers<Uint8Array>()
    const fail = (cause?: unknown): void =>
      reject(new BusFailure('unreachable', `${to.id} did not answer the greeting`, cause))
    const abort = (): void => fail(signal.reason)
    if (signal.aborted) abort()
    signal.addEventListener('abort', abort, { once: true })
    schedule(from, to, () => {
      if (to.answer === undefined || !from.links.has(to.id)) return fail()
      // Not waited for: whoever answers may ask the network himself.
      void to
        .answer(greeting, from.id)
        .then(answer => {
          assertSize(answer)
          schedule(to, from, () => resolve(answer))
        })
        .catch(fail)
    })
    try {
      return await promise
    } finally {
      signal.removeEventListener('abort', abort)
    }
  }

  return {
    clock,
    start,
    lose(share) {
      loss = share
    },
    delay(ms) {
      delay = ms
    },
    partition(next) {
      groups = next.map(group => new Set(group))
      for (const { links } of nodes.values()) {
        for (const link of [...links.values()]) {
          if (!isReachable(link.dialler, link.dialled)) unlink(link)
        }
      }
    },
    heal() {
      groups = undefined
    },
    async pass(ms) {
      const untilMs = clock.monotonicMs() + ms
      await run(untilMs)
      if (clock.monotonicMs() < untilMs) clock.pass(untilMs - clock.monotonicMs())
    },
    async settle() {
      while (events.size > 0 || running !== undefined) await run(Number.POSITIVE_INFINITY)
    },
    counts,
  }
}

function ask(node: Node, message: Uint8Array, from: NodeId): Verdict | Promise<Verdict> {
  try {
    const verdict = node.judge(message, from)
    return typeof verdict === 'string' ? verdict : inTime(verdict)
  } catch {
    return 'ignore'
  }
}

async function inTime(verdict: Promise<Verdict>): Promise<Verdict> {
  const { promise: late, resolve: tooLate } = Promise.withResolvers<Verdict>()
  const timer = setTimeout(() => tooLate('ignore'), patienceMs)
  try {
    return await Promise.race([verdict, late])
  } catch {
    return 'ignore'
  } finally {
    clearTimeout(timer)
  }
}

const names = new WeakMap<Uint8Array, string>()

/** A message is the same array on all its ways: it is hashed once. */
function nameOf(message: Uint8Array): string {
  const known = names.get(message)
  if (known !== undefined) return known
  const name = createHash('sha256').update(message).digest('base64')
  names.set(message, name)
  return name
}

/** The first key of who dials that the other one takes. */
function commonKey(dialler: Node, dialled: Node): string | undefined {
  const taken = new Set(dialled.keys.current().map(({ id }) => id))
  return dialler.keys.current().find(({ id }) => taken.has(id))?.id
}

function assertSize(bytes: Uint8Array): void {
  if (bytes.byteLength <= maxBusBytes) return
  throw new RangeError(`${bytes.byteLength} bytes: ${maxBusBytes} is the most`)
}

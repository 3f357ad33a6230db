import { createHash } from 'node:crypto'
import { type Bus, BusFailure, type Neighbour, type Verdict } from '../../src/ports/bus.ts'
import type { NodeId } from '../../src/ports/node-id.ts'
import type { TwinListener } from '../../src/ports/own-start.ts'
import { type PeerAnswer, type PeerClient, PeerFailure } from '../../src/ports/peer-port.ts'
import type { SimulatedTime } from './support.ts'

/** What one node is given of the network. */
export interface SimulatedEnd {
  readonly bus: Bus
  readonly peer: Pick<PeerClient, 'call'>
  /** What it answers on its peer port. */
  answers: ReadonlyMap<string, PeerAnswer>
  /** Dials begun so far. */
  dials: number
  /** Hellos and the like handed to neighbours so far, messages and bytes. */
  sent: { messages: number; bytes: number }
}

/** Nodes that reach each other as far as the test lets them. */
export interface SimulatedNetwork {
  /** A node that listens at this address. */
  plug(id: NodeId, address: string): SimulatedEnd
  /** It is gone at once, as with kill -9. */
  unplug(address: string): void
  /** From now on addresses are in the groups given here and reach none of another; without groups all reach all. */
  split(groups?: readonly (readonly string[])[]): void
  /** The busiest moment: most connections of one node at any time. */
  mostNeighbours(): number
}

interface Node extends SimulatedEnd {
  readonly id: NodeId
  readonly address: string
  readonly links: Map<Node, 'inbound' | 'outbound'>
  readonly seen: Set<string>
  readonly twinListeners: Set<TwinListener>
  readonly listeners: Set<(change: { kind: 'joined' | 'left'; id: NodeId }) => void>
  judge: (message: Uint8Array, from: NodeId) => Verdict | Promise<Verdict>
  greet: (greeting: Uint8Array, from: NodeId) => Promise<Uint8Array>
  isUp: boolean
}

/** A network in memory. Every hop takes a millisecond; a node that cannot be reached says so after a second. */
export function simulateNetwork(time: SimulatedTime): SimulatedNetwork {
  const nodes = new Map<string, Node>()
  let groupOf: ReadonlyMap<string, number> | undefined
  let mostNeighbours = 0

  const reach = (a: Node, b: Node): boolean =>
    a.isUp && b.isUp && (groupOf === undefined || groupOf.get(a.address) === groupOf.get(b.address))

  const pause = (ms: number) => new Promise<void>(resolve => void time.timers.after(ms, resolve))

  function assertOther(node: Node, other: Node): void {
    if (other.id !== node.id) return
    if (other !== node) {
      for (const listener of node.twinListeners) listener(other.address)
      for (const listener of other.twinListeners) listener(undefined)
    }
    throw new BusFailure('self', 'whoever is there has our key')
  }

  function connect(a: Node, b: Node): void {
    if (a.links.has(b)) return
    a.links.set(b, 'outbound')
    b.links.set(a, 'inbound')
    mostNeighbours = Math.max(mostNeighbours, a.links.size, b.links.size)
    for (const listener of a.listeners) listener({ kind: 'joined', id: b.id })
    for (const listener of b.listeners) listener({ kind: 'joined', id: a.id })
  }

  function disconnect(a: Node, b: Node): void {
    if (!a.links.delete(b)) return
    b.links.delete(a)
    for (const listener of a.listeners) listener({ kind: 'left', id: b.id })
    for (const listener of b.listeners) listener({ kind: 'left', id: a.id })
  }

  async function flood(from: Node, message: Uint8Array, except?: Node): Promise<void> {
    for (const to of [...from.links.keys()]) {
      if (to === except || !reach(from, to)) continue
      from.sent.messages += 1
      from.sent.bytes += message.length
      void deliver(from, to, message)
    }
  }

  async function deliver(from: Node, to: Node, message: Uint8Array): Promise<void> {
    await pause(1)
    const key = createHash('sha1').update(message).digest('base64')
    if (!reach(from, to) || to.seen.has(key)) return
    to.seen.add(key)
    if ((await to.judge(message, from.id)) === 'accept') await flood(to, message, from)
  }

  function linked(node: Node, id: NodeId): Node {
    const other = [...node.links.keys()].find(link => link.id === id)
    if (other === undefined || !reach(node, other)) throw new BusFailure('closed', 'no connection')
    return other
  }

  function busOf(node: Node): Bus {
    return {
      self: node.id,
      listening: [node.address],
      async publish(message) {
        node.seen.add(createHash('sha1').update(message).digest('base64'))
        await flood(node, message)
        return node.links.size
      },
      judge(judge) {
        node.judge = judge
      },
      neighbours: () =>
        [...node.links].map(
          ([link, direction]): Neighbour => ({
            id: link.id,
            address: link.address,
            direction,
            keyId: 'deadbeef',
            sinceMs: 0,
          }),
        ),
      onNeighbour(listener) {
        node.listeners.add(listener)
        return () => void node.listeners.delete(listener)
      },
      async dial(address) {
        node.dials += 1
        const other = nodes.get(address)
        if (other === undefined || !reach(node, other)) {
          await pause(1_000)
          throw new BusFailure('unreachable', `nobody at ${address}`)
        }
        await pause(2)
        assertOther(node, other)
        if (!reach(node, other)) throw new BusFailure('unreachable', `nobody at ${address}`)
        connect(node, other)
        return other.id
      },
      async greet(id, greeting) {
        const other = linked(node, id)
        await pause(1)
        const answer = await other.greet(greeting, node.id)
        await pause(1)
        linked(node, id)
        return answer
      },
      answerGreetings(answer) {
        node.greet = answer
      },
      onTwin(listener) {
        node.twinListeners.add(listener)
        return () => node.twinListeners.delete(listener)
      },
      async hangUp(id) {
        for (const link of [...node.links.keys()]) if (link.id === id) disconnect(node, link)
      },
      async close() {
        for (const link of [...node.links.keys()]) disconnect(node, link)
      },
    }
  }

  function peerOf(node: Node): Pick<PeerClient, 'call'> {
    return {
      async call(id, subject, question, { timeoutMs, signal }) {
        const other = [...nodes.values()].find(one => one.id === id && reach(node, one))
        if (other === undefined) {
          await pause(timeoutMs)
          throw new PeerFailure('unreachable', `${id} does not answer`)
        }
        await pause(1)
        const answer = other.answers.get(subject)
        if (answer === undefined) throw new PeerFailure('absent', subject)
        const bytes = await answer(question, node.id, signal)
        await pause(1)
        return bytes
      },
    }
  }

  return {
    plug(id, address) {
      const node: Omit<Node, 'bus' | 'peer'> = {
        id,
        address,
        links: new Map(),
        seen: new Set(),
        twinListeners: new Set(),
        listeners: new Set(),
        judge: () => 'ignore',
        greet: async () => new Uint8Array(),
        isUp: true,
        answers: new Map(),
        dials: 0,
        sent: { messages: 0, bytes: 0 },
      }
      const whole = Object.assign(node, { bus: {}, peer: {} }) as unknown as Node
      const end = Object.assign(whole, { bus: busOf(whole), peer: peerOf(whole) })
      nodes.set(address, end)
      return end
    },
    unplug(address) {
      const node = nodes.get(address)
      if (node === undefined) return
      node.isUp = false
      node.listeners.clear()
      for (const link of [...node.links.keys()]) disconnect(node, link)
      nodes.delete(address)
    },
    split(groups) {
      groupOf =
        groups && new Map(groups.flatMap((group, i) => group.map(address => [address, i] as const)))
      for (const node of nodes.values()) {
        for (const link of [...node.links.keys()]) if (!reach(node, link)) disconnect(node, link)
      }
    },
    mostNeighbours: () => mostNeighbours,
  }
}

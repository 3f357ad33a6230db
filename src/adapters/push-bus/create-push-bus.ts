import { randomBytes } from 'node:crypto'
import { sample } from '../../ledger/sample.ts'
import { type Bus, BusFailure, maxBusBytes } from '../../ports/bus.ts'
import type { Clock } from '../../ports/clock.ts'
import type { ClusterKeys } from '../../ports/cluster-keys.ts'
import { createJudging } from '../../ports/judging.ts'
import type { NodeId } from '../../ports/node-id.ts'
import { createOwnStart, startNonceBytes } from '../../ports/own-start.ts'
import { type PeerAnswer, PeerFailure } from '../../ports/peer-port.ts'
import type { Timers } from '../../ports/timers.ts'
import { createContacts } from './contacts.ts'
import { bounded, toBusFailure } from './push-rules.ts'
import type { PushAnswer, PushWire } from './push-wire.ts'
import { createSeen } from './seen.ts'

/** Neighbours that a message is pushed to: enough for it to reach all but two or three of a thousand nodes, whatever their number. */
const fanOut = 6
/** How often neighbours are asked whether they are there, and how long they may take. */
const pingEveryMs = 3_000
const pingMs = 3_000
const pushMs = 2_000
const greetMs = 5_000
const dialMs = 5_000
/** Messages on their way to one neighbour; what comes on top is dropped. */
const maxUnderway = 64
const maxAddressBytes = 300

const subject = {
  join: 'push/join',
  start: 'push/start',
  ping: 'push/ping',
  message: 'push/message',
  greet: 'push/greet',
  bye: 'push/bye',
} as const

const nothing = new Uint8Array(0)

/** What the bus needs. */
export interface PushBusParts {
  readonly self: NodeId
  readonly wire: PushWire
  readonly keys: ClusterKeys
  readonly clock: Clock
  readonly timers: Timers
}

/** How it is set up. */
export interface PushBusOptions {
  /** Where this node's peer port is reached, best first. */
  readonly listening: readonly string[]
}

/** The bus, and what has to be answered on the peer port for it. */
export interface PushBus {
  readonly bus: Bus
  readonly answers: ReadonlyMap<string, PeerAnswer>
}

type AnswerGreeting = (greeting: Uint8Array, from: NodeId) => Promise<Uint8Array>

/**
 * A bus without a protocol of its own: each new message is pushed, as a question over the peer port, to some neighbours, who do the same
 * once. Who is a neighbour was reached both ways and answers pings.
 */
export function createPushBus(parts: PushBusParts, { listening }: PushBusOptions): PushBus {
  const { self, wire, keys, clock, timers } = parts
  const contacts = createContacts(clock)
  const seen = createSeen()
  const underway = new Map<NodeId, number>()
  const closed = new AbortController()
  const ownStart = createOwnStart(randomBytes(startNonceBytes))
  const judging = createJudging()
  let answerGreeting: AnswerGreeting | undefined

  function ask(
    address: string,
    about: string,
    question: Uint8Array,
    timeoutMs: number,
    signal: AbortSignal = closed.signal,
  ): Promise<PushAnswer> {
    const either = AbortSignal.any([signal, closed.signal])
    return wire.ask(address, about, question, { signal: either, timeoutMs })
  }

  /** Whether somebody took it: an address may be another's by now. */
  async function tell(id: NodeId, about: string, bytes: Uint8Array, ms: number): Promise<boolean> {
    const contact = contacts.get(id)
    if (contact === undefined) return false
    try {
      const told = await ask(contact.address, about, bytes, ms)
      if (told.id === id) return contacts.heard({ ...contact, keyId: told.keyId })
      contacts.drop(id)
    } catch (error) {
      // It no longer takes our keys, or us for a neighbour: so it is none.
      if (error instanceof PeerFailure && error.code === 'refused') contacts.drop(id)
    }
    return false
  }

  async function push(id: NodeId, message: Uint8Array): Promise<boolean> {
    const before = underway.get(id) ?? 0
    if (before >= maxUnderway) return false
    underway.set(id, before + 1)
    try {
      return await tell(id, subject.message, message, pushMs)
    } finally {
      const left = (underway.get(id) ?? 1) - 1
      if (left > 0) underway.set(id, left)
      else underway.delete(id)
    }
  }

  async function spread(message: Uint8Array, except?: NodeId): Promise<number> {
    const others = contacts.all().filter(({ id }) => id !== except)
    const chosen = sample(others, fanOut, Math.random)
    const taken = await Promise.all(chosen.map(({ id }) => push(id, message)))
    return taken.filter(Boolean).length
  }

  async function receive(message: Uint8Array, from: NodeId): Promise<void> {
    if (message.byteLength > maxBusBytes || !seen.add(message)) return
    if ((await judging.ask(message, from)) === 'accept') await spread(message, from)
  }

  async function ping(id: NodeId): Promise<void> {
    const isThere = await tell(id, subject.ping, nothing, pingMs)
    if (!isThere) contacts.missed(id)
  }

  async function pingAll(): Promise<void> {
    await Promise.all(contacts.all().map(({ id }) => ping(id)))
  }

  let stopPinging = (): void => {}
  function pingLater(): void {
    stopPinging = timers.after(pingEveryMs, () => {
      void pingAll().finally(() => {
        if (!closed.signal.aborted) pingLater()
      })
    })
  }
  pingLater()
  // A ping makes a connection anew where the old one went with its key: who cannot is refused and gone.
  const forgetKeys = keys.onChange(() => void pingAll())

  /** Who asked back while we dial: it takes us for a neighbour a moment before we know that it answered. */
  const expected = new Set<NodeId>()
  let dials = 0

  async function join(address: string, signal: AbortSignal): Promise<PushAnswer> {
    dials += 1
    try {
      const own = Buffer.from(listening[0] ?? '')
      const told = await ask(address, subject.join, own, dialMs, signal)
      if (told.id === self) {
        const { answer } = await ask(address, subject.start, ownStart.nonce, dialMs, signal)
        ownStart.hear(answer, address)
        throw new BusFailure('self', `${address} has the key of this node`)
      }
      contacts.heard({ id: told.id, address, direction: 'outbound', keyId: told.keyId })
      return told
    } catch (error) {
      throw toBusFailure(error, address)
    } finally {
      dials -= 1
      if (dials === 0) expected.clear()
    }
  }

  const ofNeighbours =
    (answer: PeerAnswer): PeerAnswer =>
    (question, from, signal) => {
      if (contacts.get(from) !== undefined || expected.has(from)) {
        return answer(question, from, signal)
      }
      return Promise.reject(new PeerFailure('refused', 'no neighbour'))
    }

  const answers = new Map<string, PeerAnswer>([
    [
      subject.join,
      async (question, from, signal) => {
        if (from === self) return nothing
        if (closed.signal.aborted) throw new PeerFailure('refused', 'closed')
        if (question.byteLength > maxAddressBytes) throw new PeerFailure('refused', 'no address')
        const address = Buffer.from(question).toString()
        // Only who can be reached in return is a neighbour.
        const back = await ask(address, subject.ping, nothing, pingMs, signal)
        if (back.id !== from) throw new PeerFailure('refused', 'another answers there')
        const { keyId } = back
        if (contacts.heard({ id: from, address, direction: 'inbound', keyId })) return nothing
        throw new PeerFailure('busy', 'enough neighbours')
      },
    ],
    [
      subject.start,
      async (nonce, from) => {
        if (from === self) ownStart.hear(nonce)
        return ownStart.nonce
      },
    ],
    [
      subject.ping,
      async (_, from) => {
        if (dials > 0) expected.add(from)
        return nothing
      },
    ],
    [
      subject.message,
      ofNeighbours(async (message, from) => {
        void receive(message, from)
        return nothing
      }),
    ],
    [
      subject.greet,
      ofNeighbours(async (greeting, from) => {
        if (answerGreeting === undefined) throw new PeerFailure('absent', 'nobody answers')
        return bounded(await answerGreeting(greeting, from))
      }),
    ],
    [
      subject.bye,
      async (_, from) => {
        contacts.drop(from)
        return nothing
      },
    ],
  ])

  function assertOpen(): void {
    if (closed.signal.aborted) throw new BusFailure('closed', 'the bus is closed')
  }

  async function leave(id: NodeId): Promise<void> {
    const contact = contacts.get(id)
    contacts.drop(id)
    if (contact === undefined) return
    const signal = AbortSignal.timeout(pushMs)
    await wire
      .ask(contact.address, subject.bye, nothing, { signal, timeoutMs: pushMs })
      .catch(() => undefined)
  }

  const bus: Bus = {
    self,
    listening,
    async publish(message) {
      assertOpen()
      bounded(message)
      const sent = Uint8Array.from(message)
      return seen.add(sent) ? await spread(sent) : 0
    },
    judge: judging.set,
    neighbours: contacts.all,
    onNeighbour: contacts.onChange,
    async dial(address, signal) {
      assertOpen()
      const known = contacts.all().find(one => one.address === address)
      if (known !== undefined) return known.id
      return (await join(address, signal)).id
    },
    async greet(id, greeting, signal) {
      assertOpen()
      bounded(greeting)
      const contact = contacts.get(id)
      if (contact === undefined) throw new BusFailure('closed', `${id} is no neighbour`)
      try {
        const told = await ask(contact.address, subject.greet, greeting, greetMs, signal)
        if (told.id === id) return bounded(told.answer)
        throw new BusFailure('unreachable', `${contact.address} is another node by now`)
      } catch (error) {
        throw toBusFailure(error, id)
      }
    },
    answerGreetings(answer) {
      answerGreeting = answer
    },
    onTwin: ownStart.onTwin,
    hangUp: leave,
    async close() {
      if (closed.signal.aborted) return
      closed.abort()
      stopPinging()
      forgetKeys()
      await Promise.all(contacts.all().map(({ id }) => leave(id)))
    },
  }
  return { bus, answers }
}

import { createHash } from 'node:crypto'
import { createPushBus } from '../../src/adapters/push-bus/create-push-bus.ts'
import type { PushWire } from '../../src/adapters/push-bus/push-wire.ts'
import type { Bus } from '../../src/ports/bus.ts'
import { systemClock } from '../../src/ports/clock.ts'
import type { ClusterKeys } from '../../src/ports/cluster-keys.ts'
import type { NodeId } from '../../src/ports/node-id.ts'
import { type PeerAnswer, PeerFailure } from '../../src/ports/peer-port.ts'
import { systemTimers, type Timers } from '../../src/ports/timers.ts'

interface Port {
  readonly id: NodeId
  readonly keys: ClusterKeys
  answers: ReadonlyMap<string, PeerAnswer>
  isClosed: boolean
}

/** Peer ports in one process, for push buses. */
export interface MemoryPushNetwork {
  /** `id`: its own, or that of another which it is a copy of. */
  start(keys: ClusterKeys, timers?: Timers, id?: NodeId): Bus
  /** Its process is gone without a word. */
  kill(id: NodeId): void
  /** A question of its own, as whoever has this id. */
  ask(from: NodeId, address: string, subject: string, question: Uint8Array): Promise<unknown>
  /** What was asked, by subject. */
  readonly asked: Map<string, number>
}

/** A network without nodes. */
export function createMemoryPushNetwork(): MemoryPushNetwork {
  const ports = new Map<string, Port>()
  const asked = new Map<string, number>()

  function wireOf(from: Port): PushWire {
    return {
      async ask(address, subject, question, { signal }) {
        const port = ports.get(address)
        if (port === undefined || port.isClosed || from.isClosed || signal.aborted) {
          throw new PeerFailure('unreachable', `nobody at ${address}`)
        }
        const taken = new Set(port.keys.current().map(({ id }) => id))
        const keyId = from.keys.current().find(({ id }) => taken.has(id))?.id
        if (keyId === undefined) throw new PeerFailure('refused', `${address} takes no key of ours`)
        asked.set(subject, (asked.get(subject) ?? 0) + 1)
        const answer = await inTime(
          port.answers.get(subject)?.(Uint8Array.from(question), from.id, signal),
          signal,
        )
        return { id: port.id, keyId, answer }
      },
    }
  }

  return {
    asked,
    async ask(from, address, subject, question) {
      const port = [...ports.values()].find(({ id }) => id === from)
      if (port === undefined) throw new RangeError(`no node ${from}`)
      const options = { signal: AbortSignal.timeout(1_000), timeoutMs: 1_000 }
      return await wireOf(port).ask(address, subject, question, options)
    },
    start(keys, timers = systemTimers, given) {
      const address = `127.0.0.1:${10_000 + ports.size}`
      const id = given ?? createHash('sha256').update(address).digest('hex')
      const port: Port = { id, keys, answers: new Map(), isClosed: false }
      ports.set(address, port)
      const parts = { self: id, wire: wireOf(port), keys, clock: systemClock, timers }
      const { bus, answers } = createPushBus(parts, { listening: [address] })
      port.answers = answers
      return {
        ...bus,
        async close() {
          await bus.close()
          port.isClosed = true
        },
      }
    },
    kill(id) {
      for (const port of ports.values()) if (port.id === id) port.isClosed = true
    },
  }
}

/** An answer, as a peer port passes it on: failures without their text, and none after the signal. */
async function inTime(
  answer: Promise<Uint8Array> | undefined,
  signal: AbortSignal,
): Promise<Uint8Array> {
  if (answer === undefined) throw new PeerFailure('absent', 'no such subject')
  const { promise: aborted, reject } = Promise.withResolvers<never>()
  const abort = (): void => reject(new PeerFailure('timeout', 'called off'))
  signal.addEventListener('abort', abort, { once: true })
  try {
    return await Promise.race([answer, aborted])
  } catch (error) {
    if (error instanceof PeerFailure) throw error
    throw new PeerFailure('protocol', 'it failed inside')
  } finally {
    signal.removeEventListener('abort', abort)
  }
}

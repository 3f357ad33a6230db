import type { Bus } from '../ports/bus.ts'
import type { Clock } from '../ports/clock.ts'
import type { Log } from '../ports/log.ts'
import type { NodeId } from '../ports/node-id.ts'
import type { Timers } from '../ports/timers.ts'
import type { Admission } from './admit-hellos.ts'
import { decodeGreeting, encodeGreeting, type Greeting } from './mesh-message.ts'

/** Exchanges greetings with neighbours. */
export interface Introducer {
  /** Answers a neighbour's greeting. */
  answer(greeting: Uint8Array, from: NodeId): Promise<Uint8Array>
  close(): Promise<void>
}

/** Whoever was dialled leaves the first word to the dialler for so long, ms. */
const waitForDiallerMs = 1_500
const greetTimeoutMs = 5_000
const firstRetryMs = 2_000
const longestRetryMs = 30_000

/** Greets each neighbour once, and again until it answered. */
export function startIntroducer(parts: {
  readonly bus: Pick<Bus, 'greet' | 'neighbours' | 'onNeighbour'>
  /** This node's side of a greeting. */
  readonly greeting: (to: NodeId) => Greeting
  /** Takes in what a neighbour said. */
  readonly hear: (
    greeting: Greeting,
    from: NodeId,
    delayMs: number,
  ) => Promise<readonly Admission[]>
  readonly clock: Clock
  readonly timers: Timers
  readonly log: Log
}): Introducer {
  const { bus, clock, timers, log } = parts
  const ending = new AbortController()
  const running = new Set<Promise<void>>()
  /** Neighbours that have not introduced themselves since they came, with what stops waiting for it. */
  const strangers = new Map<NodeId, () => void>()

  function waitFor(id: NodeId, ms: number, retryMs: number): void {
    strangers.get(id)?.()
    strangers.set(
      id,
      timers.after(ms, () => own(greet(id, retryMs))),
    )
  }

  function own(work: Promise<void>): void {
    running.add(work)
    work.finally(() => running.delete(work)).catch(() => {})
  }

  async function greet(id: NodeId, retryMs: number): Promise<void> {
    const startedMs = clock.monotonicMs()
    try {
      const signal = AbortSignal.any([ending.signal, AbortSignal.timeout(greetTimeoutMs)])
      const bytes = await bus.greet(id, encodeGreeting(parts.greeting(id)), signal)
      const answer = decodeGreeting(bytes)
      if (answer === undefined) throw new Error('its answer is no greeting')
      met(id)
      await parts.hear(answer, id, (clock.monotonicMs() - startedMs) / 2)
    } catch (err) {
      if (ending.signal.aborted || !strangers.has(id)) return
      log.debug({ id, err }, 'a neighbour did not answer our greeting')
      waitFor(id, retryMs, Math.min(2 * retryMs, longestRetryMs))
    }
  }

  function met(id: NodeId): void {
    strangers.get(id)?.()
    strangers.delete(id)
  }

  function expect(id: NodeId): void {
    const isDialled = bus.neighbours().some(n => n.id === id && n.direction === 'outbound')
    waitFor(id, isDialled ? 0 : waitForDiallerMs, firstRetryMs)
  }

  const stopListening = bus.onNeighbour(({ kind, id }) => {
    if (kind === 'joined') expect(id)
    else met(id)
  })
  for (const { id } of bus.neighbours()) expect(id)

  return {
    async answer(bytes, from) {
      const greeting = decodeGreeting(bytes)
      const answer = encodeGreeting(parts.greeting(from))
      if (greeting !== undefined) {
        met(from)
        own(parts.hear(greeting, from, 0).then(() => {}))
      }
      return answer
    },
    async close() {
      stopListening()
      ending.abort()
      for (const id of [...strangers.keys()]) met(id)
      await Promise.allSettled(running)
    },
  }
}

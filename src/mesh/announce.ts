import type { Bus } from '../ports/bus.ts'
import type { Clock } from '../ports/clock.ts'
import type { Log } from '../ports/log.ts'
import type { Timers } from '../ports/timers.ts'
import { encodeHellos, fitHellos, type ToldHello } from './mesh-message.ts'
import type { OwnHello } from './own-hello.ts'

/** Says hello to all. */
export interface Announcer {
  /** Something worth telling changed: soon. */
  soon(): void
  /** Passes on what others said, that may not have got around. */
  relay(told: ToldHello): void
  close(): void
}

/**
 * How often a node of a cluster of so many says hello, ms: the whole cluster at most 17 times a second up to 5 000 members, and 33 times
 * at 10 000, the most that there can be: nobody is silent for longer than five minutes.
 */
export function helloPeriodMs(members: number): number {
  return Math.min(Math.max(members * 60, 30_000), 300_000)
}

/** Hellos out of turn: so many at once, and one more each so often. */
const burst = 3
const burstEveryMs = 5_000
/** News of many nodes at once is spread over this much per member, ms. */
const spreadPerMemberMs = 6
const longestSpreadMs = 30_000
const relayDelayMs = 300
const maxRelayed = 256
const maxMessageBytes = 48 * 1024

/** Makes it; the first hello goes out at once. */
export function startAnnouncer(parts: {
  readonly bus: Pick<Bus, 'publish'>
  readonly own: OwnHello
  /** Members of the cluster. */
  readonly members: () => number
  readonly clock: Clock
  readonly timers: Timers
  readonly random: () => number
  readonly log: Log
  readonly sent: (messages: number, bytes: number) => void
}): Announcer {
  const { clock, timers, random, log } = parts
  const relayed: ToldHello[] = []
  let tokens = burst
  let tokensAtMs = clock.monotonicMs()
  let cancelPeriodic = () => {}
  let cancelSoon: (() => void) | undefined
  let cancelRelay: (() => void) | undefined
  let isClosed = false

  function publish(hellos: readonly ToldHello[]): void {
    const message = encodeHellos(hellos)
    parts.sent(1, message.length)
    parts.bus.publish(message).catch(err => log.debug({ err }, 'hello not sent'))
  }

  function announce(): void {
    cancelPeriodic()
    if (isClosed) return
    const periodMs = helloPeriodMs(parts.members())
    cancelPeriodic = timers.after(periodMs * (0.8 + 0.2 * random()), announce)
    publish([parts.own.renew()])
  }

  /** When the next one out of turn may go, ms from now. */
  function waitMs(): number {
    const nowMs = clock.monotonicMs()
    tokens = Math.min(burst, tokens + (nowMs - tokensAtMs) / burstEveryMs)
    tokensAtMs = nowMs
    return tokens >= 1 ? 0 : (1 - tokens) * burstEveryMs
  }

  function soon(): void {
    if (isClosed || cancelSoon !== undefined) return
    const spreadMs = Math.min(parts.members() * spreadPerMemberMs, longestSpreadMs)
    cancelSoon = timers.after(waitMs() + spreadMs * random(), () => {
      cancelSoon = undefined
      waitMs()
      tokens -= 1
      announce()
    })
  }

  function flushRelayed(): void {
    cancelRelay = undefined
    const delayed = relayed.splice(0).map(told => ({ ...told, ageMs: told.ageMs + relayDelayMs }))
    for (let rest: readonly ToldHello[] = delayed; rest.length > 0; ) {
      const fitting = fitHellos(rest, maxMessageBytes)
      publish(fitting)
      rest = rest.slice(fitting.length)
    }
  }

  announce()
  return {
    soon,
    relay(told) {
      if (isClosed || relayed.length >= maxRelayed) return
      relayed.push(told)
      cancelRelay ??= timers.after(relayDelayMs, flushRelayed)
    },
    close() {
      isClosed = true
      cancelPeriodic()
      cancelSoon?.()
      cancelRelay?.()
    },
  }
}

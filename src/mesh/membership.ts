import { setImmediate as nextTurn } from 'node:timers/promises'
import { sample } from '../ledger/sample.ts'
import type { Bus, Verdict } from '../ports/bus.ts'
import type { Clock } from '../ports/clock.ts'
import type { ClusterTime } from '../ports/cluster-time.ts'
import type { Log } from '../ports/log.ts'
import type { MemberStore } from '../ports/member-store.ts'
import type { NodeId } from '../ports/node-id.ts'
import type { NodeSignature } from '../ports/node-signature.ts'
import type { PeerAnswer, PeerClient } from '../ports/peer-port.ts'
import type { Timers } from '../ports/timers.ts'
import type { Admission } from './admit-hellos.ts'
import { helloPeriodMs, startAnnouncer } from './announce.ts'
import { createMembersAnswer, fetchMembers, membersSubject } from './fetch-members.ts'
import { decodeHello, type ProtocolRange } from './hello.ts'
import { startIntroducer } from './introduce.ts'
import { keepMembers } from './keep-members.ts'
import { createMemberTable, type MemberTable } from './member-table.ts'
import {
  byeType,
  decodeByeMessage,
  decodeHellos,
  encodeByeMessage,
  fitHellos,
  type Greeting,
  helloType,
  maxHellosTogether,
  type ToldHello,
} from './mesh-message.ts'
import { createOwnHello, type OwnFacts, type OwnHello } from './own-hello.ts'
import { createProber, pingSubject } from './probe-members.ts'

/** What membership needs. */
export interface MembershipParts {
  readonly bus: Bus
  readonly peer: Pick<PeerClient, 'call'>
  readonly signature: NodeSignature
  readonly store: MemberStore
  readonly time: ClusterTime
  readonly clock: Clock
  readonly timers: Timers
  /** From 0 up to 1. */
  readonly random: () => number
  readonly log: Log
  /** What this node says of itself; read at each hello. */
  readonly facts: () => OwnFacts
}

/** Counts since the start. */
export interface MeshCounts {
  readonly hellosSent: number
  readonly helloBytesSent: number
  /** By what became of them. */
  readonly hellosHeard: Readonly<Record<Admission, number>>
}

/** Who is in the mesh, kept up to date. */
export interface Membership {
  readonly table: MemberTable
  readonly own: OwnHello
  /** Judges a message of the bus whose first byte is {@link helloType} or {@link byeType}. */
  judge(message: Uint8Array, from: NodeId): Verdict
  /** Answers a greeting; to be set with `Bus.answerGreetings`. */
  answerGreeting(greeting: Uint8Array, from: NodeId): Promise<Uint8Array>
  /** For the peer port, by subject. */
  readonly answers: ReadonlyMap<string, PeerAnswer>
  /** Something that this node tells of itself changed: all are told soon. */
  changed(): void
  counts(): MeshCounts
  /** Says bye and writes what is known. */
  close(): Promise<void>
}

const sweepEveryMs = 2_000
/** Signatures checked before others get their turn. */
const slice = 16
const learnEveryMs = 1_000
const maxGreetingBytes = 60 * 1024
const refetchMs = 30_000
/** A change of trusted time worth telling all, ms. */
const tellTimeMs = 1_000
const byeTimeoutMs = 500

/** Joins in: loads the members of before, says hello, and listens. */
export async function startMembership(
  parts: MembershipParts,
  options: { readonly version: string; readonly protocols: ProtocolRange; readonly nonce: string },
): Promise<Membership> {
  const { bus, peer, store, time, clock, timers, random, log } = parts
  const ending = new AbortController()
  const { signal } = ending
  const running = new Set<Promise<unknown>>()
  const heard = emptyCounts()
  let sent = { hellosSent: 0, helloBytesSent: 0 }
  const incarnation = store.bootNumber() + 1
  await setBootNumber(incarnation)

  const own = createOwnHello(
    {
      ...parts,
      periodMs: () => helloPeriodMs(table.count() + 1),
      onOutdated(incarnation) {
        hold(setBootNumber(incarnation))
        // Two nodes with one key would outdo each other for ever: the next turn is soon enough once that is known.
        if (own.twinSeenMs() === undefined) announcer.soon()
      },
    },
    { ...options, incarnation },
  )
  const table = createMemberTable({ ...parts, onOwn: own.meetOwn }, options)
  const keeper = keepMembers({ ...parts, table })
  const prober = createProber({ ...parts, table })
  const announcer = startAnnouncer({
    ...parts,
    own,
    members: () => table.count() + 1,
    sent(messages, bytes) {
      const { hellosSent, helloBytesSent } = sent
      sent = { hellosSent: hellosSent + messages, helloBytesSent: helloBytesSent + bytes }
    },
  })
  const stopListening = bus.onNeighbour(({ kind, id }) => {
    if (kind === 'left') table.left(id)
    else meet(id)
  })
  for (const { id } of bus.neighbours()) meet(id)
  const stopWatching = bus.onTwin(own.meetTwin)
  const introducer = startIntroducer({ ...parts, greeting, hear: hearGreeting })
  let cancelSweep = timers.after(sweepEveryMs, sweep)
  let cancelLearn: (() => void) | undefined
  let fetchedAtMs = Number.NEGATIVE_INFINITY

  function hold(work: Promise<unknown>): void {
    running.add(work)
    work.finally(() => running.delete(work)).catch(() => {})
  }

  async function setBootNumber(number: number): Promise<void> {
    try {
      await store.setBootNumber(number)
    } catch (err) {
      log.warn({ err }, 'boot number not written')
    }
  }

  function meet(id: NodeId): void {
    const found = bus.neighbours().find(neighbour => neighbour.id === id)
    table.joined(id, found?.address ?? '', found?.direction === 'outbound')
    if (bus.neighbours().length <= 1) announcer.soon()
  }

  function sweep(): void {
    cancelSweep = timers.after(sweepEveryMs, sweep)
    table.sweep()
  }

  function admit(told: ToldHello, delayMs = 0): Admission {
    const admission = table.admit(told, { delayMs })
    heard[admission] += 1
    if (admission === 'news' || admission === 'newer') {
      cancelLearn ??= timers.after(learnEveryMs, learnTime)
    }
    return admission
  }

  function learnTime(): void {
    cancelLearn?.()
    cancelLearn = undefined
    const beforeMs = time.nowMs()
    const before = time.source()
    time.learnFromPeers(table.timeSamples())
    const isMoved = Math.abs(time.nowMs() - beforeMs) > tellTimeMs
    if (isMoved || time.source() !== before) announcer.soon()
  }

  function tell(id: NodeId): ToldHello | undefined {
    const entry = table.entry(id)
    if (entry === undefined || entry.saidBye) return undefined
    return { ...entry.signed, ageMs: clock.monotonicMs() - entry.lastSeenMs }
  }

  /** Own hello, what is known of the one who is greeted (another may have its key), and others at random. */
  function greeting(to: NodeId): Greeting {
    const others = [...table.entries()].filter(e => e.state !== 'gone' && e.hello.id !== to)
    const chosen = sample(others, maxHellosTogether - 2, random).map(({ hello }) => tell(hello.id))
    const hellos = [own.current(), tell(to), ...chosen].filter(told => told !== undefined)
    return { hellos: fitHellos(hellos, maxGreetingBytes), members: table.count() }
  }

  async function hearGreeting(
    greeting: Greeting,
    from: NodeId,
    delayMs: number,
  ): Promise<readonly Admission[]> {
    const admissions = await hearAll(greeting.hellos, delayMs)
    for (const [i, told] of greeting.hellos.entries()) {
      if (admissions[i] === 'news') announcer.relay(told)
    }
    learnTime()
    const isBehind = greeting.members > table.count() + 1
    const nowMs = clock.monotonicMs()
    if (isBehind && nowMs - fetchedAtMs > refetchMs && !signal.aborted) {
      fetchedAtMs = nowMs
      hold(fetchMembers(from, { peer, hear: hearAll, idOf, log, signal }).then(learnTime))
    }
    return admissions
  }

  /** `delayMs` is that of the first, which is the teller's own. */
  async function hearAll(hellos: readonly ToldHello[], delayMs = 0): Promise<Admission[]> {
    const admissions: Admission[] = []
    for (const [i, told] of hellos.entries()) {
      if (i > 0 && i % slice === 0) await nextTurn()
      admissions.push(admit(told, i === 0 ? delayMs : 0))
    }
    return admissions
  }

  function judge(message: Uint8Array): Verdict {
    const body = message.subarray(1)
    if (message[0] === byeType) return judgeBye(body)
    return message[0] === helloType ? judgeHellos(body) : 'reject'
  }

  function judgeBye(body: Uint8Array): Verdict {
    const signed = decodeByeMessage(body)
    return signed === undefined ? 'reject' : table.admitBye(signed)
  }

  function judgeHellos(body: Uint8Array): Verdict {
    const hellos = decodeHellos(body)
    if (hellos === undefined) return 'reject'
    const admissions = hellos.map(told => admit(told))
    if (admissions.includes('forged')) return 'reject'
    return admissions.some(a => a === 'news' || a === 'newer') ? 'accept' : 'ignore'
  }

  async function sayBye(): Promise<void> {
    const { promise: late, resolve } = Promise.withResolvers<void>()
    const cancel = timers.after(byeTimeoutMs, resolve)
    const said = bus.publish(encodeByeMessage(own.bye())).catch(err => log.debug({ err }, 'no bye'))
    await Promise.race([said, late])
    cancel()
  }

  return {
    table,
    own,
    judge,
    answerGreeting: introducer.answer,
    answers: new Map<string, PeerAnswer>([
      [pingSubject, async () => new Uint8Array()],
      [membersSubject, createMembersAnswer({ table, tell })],
    ]),
    changed: announcer.soon,
    counts: () => ({ ...sent, hellosHeard: { ...heard } }),
    async close() {
      cancelSweep()
      cancelLearn?.()
      announcer.close()
      stopListening()
      stopWatching()
      prober.close()
      ending.abort()
      await sayBye()
      await introducer.close()
      await Promise.allSettled(running)
      await keeper.close()
    },
  }
}

const idOf = (told: ToldHello): NodeId | undefined => decodeHello(told.body)?.id

function emptyCounts(): Record<Admission, number> {
  return { news: 0, newer: 0, known: 0, own: 0, limited: 0, unreadable: 0, forged: 0 }
}

import type { TimeSample } from '../ledger/agree-on-time.ts'
import type { Clock } from '../ports/clock.ts'
import type { ClusterTime } from '../ports/cluster-time.ts'
import type { Log } from '../ports/log.ts'
import type { Member, Members } from '../ports/members.ts'
import type { NodeId } from '../ports/node-id.ts'
import type { NodeSignature } from '../ports/node-signature.ts'
import { decodeBye } from './bye.ts'
import {
  compareTurns,
  decodeHello,
  type Hello,
  meet,
  type ProtocolRange,
  type SignedHello,
} from './hello.ts'
import { allowance, hostOf, isWithinAllowance, type MemberEntry, viewOf } from './member-entry.ts'
import { createOddities } from './member-oddities.ts'
import { callListener, createMemberStates } from './member-states.ts'
import type { ToldHello } from './mesh-message.ts'

/**
 * What became of a hello. `news`: of a node that was not here; `newer`: in place of an earlier one; `known`: nothing new, or older;
 * `own`: by this node's own key; `limited`: too many of one node, or too many nodes; `unreadable`: not as this version reads them; `forged`: that node did not sign it.
 */
export type Admission = 'news' | 'newer' | 'known' | 'own' | 'limited' | 'unreadable' | 'forged'

/** How a hello came. */
export interface Arrival {
  /** Half a round trip, ms. */
  readonly delayMs?: number
}

/** All that is known of other nodes. */
export interface MemberTable extends Members {
  admit(told: ToldHello, arrival?: Arrival): Admission
  /** A node's last word: whether it is taken. */
  admitBye(signed: SignedHello): 'accept' | 'ignore' | 'reject'
  /** Puts one in as it was known before a restart. */
  restore(signed: SignedHello, lastSeenMs: number, unheardMs: number): void
  joined(id: NodeId, address: string, isDialled: boolean): void
  left(id: NodeId): void
  /** None of the probes that began at `sinceMs` was answered. */
  unanswered(id: NodeId, sinceMs: number): void
  /** Lets time have its effect: expiry, forgetting, probes that are due. */
  sweep(): void
  entries(): Iterable<MemberEntry>
  entry(id: NodeId): MemberEntry | undefined
  /** Members that are not gone, this node not counted. */
  count(): number
  timeSamples(): readonly TimeSample[]
  /** Someone is to be probed now. */
  onDoubt(listener: (id: NodeId) => void): () => void
  /** Members that were dropped for good since the last call. */
  takeForgotten(): readonly NodeId[]
}

/** Most nodes that are remembered: whoever holds the secret can make up any number of names. */
const maxMembers = 10_000
/** A clock's word this old says nothing any more. */
const maxSampleAgeMs = 10 * 60_000

/** When a node was heard, and what its clock said. */
type Seen = Pick<MemberEntry, 'anchorMs'> & { readonly seenMs: number }

/** Makes an empty table. `onOwn` is handed hellos that this node's own key signed, and this start of it did not. */
export function createMemberTable(
  parts: {
    readonly signature: NodeSignature
    readonly clock: Clock
    readonly time: Pick<ClusterTime, 'nowMs'>
    readonly log: Log
    readonly onOwn: (hello: Hello) => void
  },
  options: {
    readonly protocols: ProtocolRange
    /** Of this node's own hellos. */
    readonly nonce: string
  },
): MemberTable {
  const { signature, clock, log } = parts
  const table = new Map<NodeId, MemberEntry>()
  const listeners = new Set<() => void>()
  /** Also those that have not introduced themselves yet. */
  const neighbours = new Map<NodeId, NonNullable<MemberEntry['seenAt']>>()
  const states = createMemberStates({ clock, log, changed })
  const oddities = createOddities({ table, clock, log }, options)
  let forgotten: NodeId[] = []
  let all: readonly Member[] | undefined
  let alive: readonly Member[] | undefined

  const viewNeeds = {
    protocols: options.protocols,
    skewMs: (anchorMs: number) => anchorMs + clock.monotonicMs() - parts.time.nowMs(),
  }

  function changed(): void {
    all = undefined
    alive = undefined
    for (const listener of listeners) callListener(log, listener)
  }

  function admit(told: ToldHello, { delayMs = 0 }: Arrival = {}): Admission {
    const hello = decodeHello(told.body)
    if (hello === undefined) return 'unreadable'
    const entry = table.get(hello.id)
    const seenMs = clock.monotonicMs() - told.ageMs
    const order = entry === undefined ? 1 : compareTurns(hello, entry.hello)
    if (order > 0) return takeIn(hello, told, { seenMs, anchorMs: anchorOf(hello, told, delayMs) })
    if (entry !== undefined && order === 0 && seenMs > entry.lastSeenMs)
      states.revive(entry, seenMs)
    return 'known'
  }

  function anchorOf({ clock: word }: Hello, { ageMs }: ToldHello, delayMs: number) {
    if (ageMs > maxSampleAgeMs) return undefined
    return word.trustedMs + ageMs + delayMs - clock.monotonicMs()
  }

  function takeIn(hello: Hello, told: ToldHello, seen: Seen): Admission {
    const entry = table.get(hello.id)
    if (hello.nonce === options.nonce) return 'own'
    if (entry !== undefined && !isWithinAllowance(entry, clock.monotonicMs())) return 'limited'
    if (!signature.isSignedBy(hello.id, 'hello', told.body, told.signature)) return 'forged'
    if (hello.id === signature.self) {
      parts.onOwn(hello)
      return 'own'
    }
    // Copies: what came may be a piece of something larger.
    const signed = { body: Uint8Array.from(told.body), signature: Uint8Array.from(told.signature) }
    return entry === undefined ? add(hello, signed, seen) : replace(entry, hello, signed, seen)
  }

  function add(hello: Hello, signed: SignedHello, seen: Seen): Admission {
    if (table.size >= maxMembers && !dropOne()) return 'limited'
    const entry = put(hello, signed, seen.seenMs)
    entry.anchorMs = seen.anchorMs
    states.revive(entry, seen.seenMs)
    oddities.tell(entry)
    changed()
    return entry.state === 'gone' ? 'known' : 'news'
  }

  function put(hello: Hello, signed: SignedHello, lastSeenMs: number): MemberEntry {
    const draft: Omit<MemberEntry, 'view'> = {
      signed,
      hello,
      state: 'gone',
      lastSeenMs,
      anchorMs: undefined,
      downSinceMs: undefined,
      nextProbeMs: 0,
      saidBye: false,
      isNeighbour: neighbours.has(hello.id),
      seenAt: neighbours.get(hello.id),
      roundTripMs: undefined,
      unheardMs: 0,
      formerNonces: [],
      twinSeenMs: undefined,
      allowance,
      allowanceAtMs: clock.monotonicMs(),
    }
    const entry = draft as MemberEntry
    entry.view = viewOf(entry, viewNeeds)
    table.set(hello.id, entry)
    return entry
  }

  function replace(entry: MemberEntry, hello: Hello, signed: SignedHello, seen: Seen): Admission {
    const wasGone = entry.state === 'gone'
    const before = entry.hello
    oddities.noticeTwin(entry, hello)
    entry.hello = hello
    entry.signed = signed
    entry.anchorMs = seen.anchorMs
    entry.saidBye = false
    entry.view = viewOf(entry, viewNeeds)
    // A node that was started anew is another one to reach.
    if (hello.nonce !== before.nonce) entry.downSinceMs = undefined
    states.revive(entry, seen.seenMs)
    if (before.name !== hello.name || before.version !== hello.version) oddities.tell(entry)
    changed()
    return wasGone && entry.state !== 'gone' ? 'news' : 'newer'
  }

  /** Makes room for a new node: whoever is gone longest goes. */
  function dropOne(): boolean {
    let oldest: MemberEntry | undefined
    for (const entry of table.values()) {
      if (entry.state !== 'gone' || entry.isNeighbour) continue
      if (oldest === undefined || entry.lastSeenMs < oldest.lastSeenMs) oldest = entry
    }
    if (oldest !== undefined) forget(oldest)
    return oldest !== undefined
  }

  function forget({ hello }: MemberEntry): void {
    table.delete(hello.id)
    forgotten.push(hello.id)
  }

  function admitBye(signed: SignedHello): 'accept' | 'ignore' | 'reject' {
    const bye = decodeBye(signed.body)
    if (bye === undefined) return 'reject'
    const entry = table.get(bye.id)
    if (entry === undefined || entry.saidBye || compareTurns(bye, entry.hello) <= 0) return 'ignore'
    if (!isWithinAllowance(entry, clock.monotonicMs())) return 'ignore'
    if (!signature.isSignedBy(bye.id, 'bye', signed.body, signed.signature)) return 'reject'
    entry.saidBye = true
    entry.downSinceMs = undefined
    states.set(entry, 'gone', 'said bye')
    return 'accept'
  }

  return {
    self: signature.self,
    all() {
      all ??= [...table.values()].map(entry => entry.view)
      return all
    },
    alive() {
      alive ??= [...table.values()]
        .filter(({ state, hello }) => state === 'alive' && meet(hello.protocols, options.protocols))
        .map(entry => entry.view)
      return alive
    },
    get: id => table.get(id)?.view,
    heard(id, roundTripMs) {
      const entry = table.get(id)
      if (entry === undefined || entry.saidBye) return
      entry.lastSeenMs = clock.monotonicMs()
      entry.unheardMs = 0
      entry.downSinceMs = undefined
      const before = entry.roundTripMs ?? roundTripMs
      entry.roundTripMs = before + (roundTripMs - before) / 8
      states.set(entry, 'alive', 'answered')
    },
    missed(id) {
      const entry = table.get(id)
      if (entry?.state === 'alive') states.suspect(entry, 'did not answer')
    },
    onChange(listener) {
      listeners.add(listener)
      return () => void listeners.delete(listener)
    },
    admit,
    admitBye,
    restore(signed, lastSeenMs, unheardMs) {
      const hello = decodeHello(signed.body)
      if (hello === undefined || hello.id === signature.self || table.has(hello.id)) return
      const entry = put(hello, signed, Math.min(lastSeenMs, clock.monotonicMs()))
      // Only uptime counts: the time that we were off is no silence of its.
      entry.unheardMs = unheardMs - (clock.monotonicMs() - entry.lastSeenMs)
      changed()
    },
    joined(id, address, isDialled) {
      const seenAt = { host: hostOf(address), isDialled }
      neighbours.set(id, seenAt)
      const entry = table.get(id)
      if (entry === undefined) return
      entry.isNeighbour = true
      entry.seenAt = seenAt
      entry.view = viewOf(entry, viewNeeds)
      changed()
      if (entry.saidBye) return
      entry.lastSeenMs = clock.monotonicMs()
      if (entry.downSinceMs === undefined) states.set(entry, 'alive', 'connected')
      else states.suspect(entry, 'connected')
    },
    left(id) {
      neighbours.delete(id)
      const entry = table.get(id)
      if (entry === undefined) return
      entry.isNeighbour = false
      if (entry.state === 'alive') states.suspect(entry, 'connection ended')
      changed()
    },
    unanswered(id, sinceMs) {
      const entry = table.get(id)
      if (entry !== undefined) states.unanswered(entry, sinceMs)
    },
    sweep() {
      for (const entry of [...table.values()]) if (states.sweep(entry)) forget(entry)
      if (forgotten.length > 0) changed()
    },
    entries: () => table.values(),
    entry: id => table.get(id),
    count() {
      let count = 0
      for (const { state } of table.values()) if (state !== 'gone') count++
      return count
    },
    timeSamples() {
      const samples: TimeSample[] = []
      for (const { state, anchorMs, hello } of table.values()) {
        if (state === 'gone' || anchorMs === undefined) continue
        samples.push({ anchorMs, isVerified: hello.clock.source === 'registry' })
      }
      return samples
    },
    onDoubt: states.onDoubt,
    takeForgotten() {
      const ids = forgotten
      forgotten = []
      return ids
    },
  }
}

import type { TimeSample } from '../ledger/agree-on-time.ts'
import type { Clock } from '../ports/clock.ts'
import type { ClusterTime } from '../ports/cluster-time.ts'
import type { Log } from '../ports/log.ts'
import type { Member, Members } from '../ports/members.ts'
import type { NodeId } from '../ports/node-id.ts'
import type { NodeSignature } from '../ports/node-signature.ts'
import { createHelloAdmission, type HelloAdmission } from './admit-hellos.ts'
import { decodeHello, type Hello, meet, type ProtocolRange, type SignedHello } from './hello.ts'
import { createEntry, hostOf, type MemberEntry, type ViewNeeds, viewOf } from './member-entry.ts'
import { createOddities } from './member-oddities.ts'
import { callListener, createMemberStates } from './member-states.ts'

/** All that is known of other nodes. */
export interface MemberTable extends Members, HelloAdmission {
  /** Puts one in as it was known before a restart. */
  restore(signed: SignedHello, known: RestoredMember): void
  joined(id: NodeId, address: string, isDialled: boolean): void
  left(id: NodeId): void
  /** A probe was not answered; others follow. */
  doubted(id: NodeId): void
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

/** What was known of a member before a restart, beside its word. */
export type RestoredMember = Pick<MemberEntry, 'lastSeenMs' | 'unheardMs' | 'wasMet'>

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
    /** Nodes that are remembered; only tests change it. */
    readonly maxMembers?: number
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

  const viewNeeds: ViewNeeds = {
    protocols: options.protocols,
    skewMs: (anchorMs: number) => anchorMs + clock.monotonicMs() - parts.time.nowMs(),
  }

  function changed(): void {
    all = undefined
    alive = undefined
    for (const listener of listeners) callListener(log, listener)
  }

  function put(hello: Hello, signed: SignedHello, lastSeenMs: number): MemberEntry {
    const seenAt = neighbours.get(hello.id)
    const times = { nowMs: clock.monotonicMs(), lastSeenMs }
    const entry = createEntry({ hello, signed, seenAt }, times, viewNeeds)
    table.set(hello.id, entry)
    return entry
  }

  function forget({ hello }: MemberEntry): void {
    table.delete(hello.id)
    forgotten.push(hello.id)
  }

  const admission = createHelloAdmission(
    {
      ...parts,
      table,
      states,
      oddities,
      isNeighbour: id => neighbours.has(id),
      put,
      renew(entry, hello, signed) {
        entry.hello = hello
        entry.signed = signed
        entry.view = viewOf(entry, viewNeeds)
      },
      forget,
      changed,
    },
    options,
  )

  return {
    ...admission,
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
      entry.wasMet = true
      entry.lastSeenMs = clock.monotonicMs()
      entry.unheardMs = 0
      entry.downSinceMs = undefined
      const before = entry.roundTripMs ?? roundTripMs
      entry.roundTripMs = before + (roundTripMs - before) / 8
      states.set(entry, 'alive', 'answered')
    },
    missed(id) {
      const entry = table.get(id)
      if (entry?.state === 'alive') states.suspect(entry, 'cannot be connected to, or broke off')
    },
    silent(id) {
      const entry = table.get(id)
      if (entry?.state === 'alive') states.lookFor(entry)
    },
    stalled(id) {
      const entry = table.get(id)
      if (entry === undefined || entry.state === 'gone') return
      entry.downSinceMs ??= clock.monotonicMs()
      // A probe may have been silent before.
      if (entry.state === 'alive') states.suspect(entry, 'stopped in the middle of an answer')
      else changed()
    },
    doubted(id) {
      const entry = table.get(id)
      if (entry?.state === 'alive') states.set(entry, 'suspect', 'did not answer a probe')
    },
    onChange(listener) {
      listeners.add(listener)
      return () => void listeners.delete(listener)
    },
    restore(signed, { lastSeenMs, unheardMs, wasMet }) {
      const hello = decodeHello(signed.body)
      if (hello === undefined || hello.id === signature.self || table.has(hello.id)) return
      const entry = put(hello, signed, Math.min(lastSeenMs, clock.monotonicMs()))
      // Only uptime counts: the time that we were off is no silence of its.
      entry.unheardMs = unheardMs - (clock.monotonicMs() - entry.lastSeenMs)
      entry.wasMet ||= wasMet
      entry.wasTold = true
      changed()
    },
    joined(id, address, isDialled) {
      const seenAt = { host: hostOf(address), isDialled }
      neighbours.set(id, seenAt)
      const entry = table.get(id)
      if (entry === undefined) return
      entry.isNeighbour = true
      entry.wasMet = true
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

import { sample } from '../ledger/sample.ts'
import type { Bus } from '../ports/bus.ts'
import type { Clock } from '../ports/clock.ts'
import type { HostNetwork } from '../ports/host-network.ts'
import type { Log } from '../ports/log.ts'
import type { NodeId } from '../ports/node-id.ts'
import type { SeedSource } from '../ports/seed-source.ts'
import type { Timers } from '../ports/timers.ts'
import { createBackOff } from './back-off.ts'
import { type Candidate, type Candidates, findCandidates } from './dial-candidates.ts'
import { type DialReport, reportDials } from './dial-report.ts'
import { createDialler, type DialCounts } from './dialler.ts'
import type { MemberTable } from './member-table.ts'
import { watchForMissing } from './missing-neighbours.ts'
import { createSeedPool } from './seed-pool.ts'

/** Keeps this node connected, for as long as it runs. */
export interface DialSupervisor {
  counts(): DialCounts
  /** Where it looks for others, and what came of it. */
  report(): DialReport
  close(): Promise<void>
}

/** How many connections a node has; the defaults are right outside of tests. */
export interface DialLimits {
  /** Wanted, where there are so many others. */
  readonly target: number
  /** Above it some are ended. */
  readonly soft: number
  /** Above it none is taken. */
  readonly hard: number
}

const defaultLimits: DialLimits = { target: 8, soft: 32, hard: 64 }

const aloneTickMs = 2_000
const tickMs = 15_000
const refreshSeedsMs = 60_000
const replaceEveryMs = 600_000
/** Dials at once. */
const maxDials = 8
/** Of a node that knows nobody, at once; and beyond what is wanted, at each tick. */
const aloneDials = 6
const lostDials = 2
/** The one with the smaller id dials; the other one gives it this long. */
const courtesyMs = 3_000
/** New members are let come together before they are dialled, ms. */
const newMembersMs = 1_000
/** Members whose turn to dial is waited for. */
const maxAwaited = 4_096

/** Dials whoever can be found until there are connections enough, and never gives up. */
export function superviseDials(
  parts: {
    readonly bus: Bus
    readonly table: MemberTable
    readonly seeds: readonly SeedSource[]
    readonly network: HostNetwork
    /** `address:port` where others find this node. */
    readonly ownAddresses: () => readonly string[]
    readonly onNetworkChanged: () => void
    readonly clock: Clock
    readonly timers: Timers
    readonly random: () => number
    readonly log: Log
  },
  limits: DialLimits = defaultLimits,
): DialSupervisor {
  const { bus, table, clock, timers, random, log } = parts
  const ending = new AbortController()
  const backOff = createBackOff(clock, random)
  const pool = createSeedPool(parts.seeds, log)
  const isSeed = (address: string): boolean => pool.addresses().includes(address)
  const dialler = createDialler({ ...parts, backOff, signal: ending.signal, isSeed })
  const running = new Map<string, Promise<unknown>>()
  const since = new Map<NodeId, number>()
  let aloneSinceMs: number | undefined =
    bus.neighbours().length === 0 ? clock.monotonicMs() : undefined
  let addresses = parts.network.addresses().join(' ')
  let refreshedAtMs = Number.NEGATIVE_INFINITY
  let replacedAtMs = clock.monotonicMs()
  let cancelTick = timers.after(0, tick)
  let cancelSoon: (() => void) | undefined
  const absent = watchForMissing(parts, dialMissing)

  const degree = (): number => bus.neighbours().length
  const ownAddresses = (): ReadonlySet<string> =>
    new Set([...parts.ownAddresses(), ...bus.listening])

  function tick(): void {
    const meanMs = degree() === 0 ? aloneTickMs : tickMs
    cancelTick()
    cancelTick = timers.after(meanMs * (0.75 + random() / 2), tick)
    noticeNetwork()
    shed()
    const nowMs = clock.monotonicMs()
    const isWanting = degree() < Math.max(1, wantedDegree())
    if (isWanting || nowMs - refreshedAtMs > refreshSeedsMs) {
      refreshedAtMs = nowMs
      pool.refresh(() => dialSome(lostDials))
    }
    dialSome(lostDials)
    if (nowMs - replacedAtMs > replaceEveryMs * (0.9 + random() / 5)) {
      replacedAtMs = nowMs
      own('replace', replaceOne())
    }
  }

  const wantedDegree = (): number => Math.min(table.count(), limits.target)

  /** What failed on another network may succeed on this one. */
  function noticeNetwork(): void {
    const now = parts.network.addresses().join(' ')
    if (now === addresses) return
    log.info({ addresses: now }, 'network changed: all addresses are tried anew')
    addresses = now
    backOff.resetAll()
    dialler.forget()
    refreshedAtMs = Number.NEGATIVE_INFINITY
    parts.onNetworkChanged()
  }

  /** A quarter of what is too much goes at each tick. */
  function shed(): void {
    const excess = Math.ceil((degree() - limits.soft) / 4)
    if (excess <= 0) return
    for (const { id } of sample(bus.neighbours(), excess, random)) own(id, bus.hangUp(id))
  }

  function own(key: string, work: Promise<unknown>): void {
    running.set(key, work)
    work
      .catch(err => log.debug({ err }, 'a connection was not made or ended'))
      .finally(() => running.delete(key))
      .catch(() => {})
  }

  function find(): Candidates {
    return findCandidates(
      {
        seeds: pool.addresses(),
        entries: table.entries(),
        foundAt: dialler.foundAt,
        backOff,
        random,
      },
      { self: bus.self, ownAddresses: ownAddresses() },
    )
  }

  function dialSome(lost: number): void {
    if (ending.signal.aborted || degree() >= limits.soft) return
    const candidates = find()
    const missing = degree() === 0 ? aloneDials : wantedDegree() - degree()
    beginSome(candidates.wanted, missing - running.size)
    beginSome(candidates.lost, lost)
  }

  /** Who left and lives has other neighbours by now; who is gone may come back and know nobody. */
  function dialMissing(): void {
    if (ending.signal.aborted || degree() >= limits.soft) return
    const isMissing = ({ id }: Candidate) =>
      id !== undefined && absent.has(id) && table.get(id)?.state !== 'alive'
    beginSome(find().lost.filter(isMissing), maxDials)
  }

  function soon(ms: number): void {
    cancelSoon ??= timers.after(ms * (1 + random() / 2), () => {
      cancelSoon = undefined
      dialSome(0)
    })
  }

  function beginSome(candidates: readonly Candidate[], most: number): void {
    let begun = 0
    for (const one of candidates) {
      if (begun >= most || running.size >= maxDials) return
      if (begin(one)) begun += 1
    }
  }

  /** Whether it is being dialled now, or will be in a moment. */
  function begin(candidate: Candidate): boolean {
    const key = candidate.id ?? candidate.addresses[0] ?? ''
    if (running.has(key)) return false
    if (candidate.id === undefined) own(key, dialler.dialStranger(candidate))
    else if (isOurTurn(candidate.id)) own(key, dialler.dialAll(candidate))
    else return false
    return true
  }

  function isOurTurn(id: NodeId): boolean {
    if (bus.self < id) return true
    const nowMs = clock.monotonicMs()
    const wantedMs = since.get(id)
    if (wantedMs === undefined) {
      if (since.size > maxAwaited) since.clear()
      since.set(id, nowMs)
      soon(courtesyMs)
      return false
    }
    return nowMs - wantedMs >= courtesyMs
  }

  /** So that parts which happened to form do not stay among themselves. */
  async function replaceOne(): Promise<void> {
    const others = [...table.entries()].filter(e => e.state === 'alive' && !e.isNeighbour)
    const [other] = sample(others, 1, random)
    if (other === undefined || degree() < wantedDegree()) return
    const before = bus.neighbours()
    const { meshAddresses } = other.view
    const met = await dialler.dialAll({ id: other.hello.id, addresses: meshAddresses.slice(0, 3) })
    const [leaving] = sample(before, 1, random)
    if (met !== undefined && leaving !== undefined && degree() > limits.target) {
      await bus.hangUp(leaving.id)
    }
  }

  /** There is no time to lose. */
  function loseLast(): void {
    aloneSinceMs ??= clock.monotonicMs()
    if (ending.signal.aborted) return
    cancelTick()
    cancelTick = timers.after(aloneTickMs * random(), tick)
  }

  const stopListening = bus.onNeighbour(({ kind, id }) => {
    if (kind === 'joined') {
      aloneSinceMs = undefined
      since.delete(id)
      absent.joined(id)
      if (degree() > limits.hard) own(id, bus.hangUp(id))
      for (const address of table.get(id)?.meshAddresses ?? []) backOff.reset(address)
      return
    }
    absent.left(id)
    if (degree() === 0) loseLast()
  })

  const stopWatching = table.onChange(() => {
    if (degree() < wantedDegree() && !ending.signal.aborted) soon(newMembersMs)
  })

  return {
    counts: dialler.counts,
    report() {
      const nowMs = clock.monotonicMs()
      const own = ownAddresses()
      const isOwn = (address: string): boolean =>
        own.has(address) || dialler.foundAt(address) === bus.self
      return {
        addresses: reportDials({
          seeds: pool.addresses(),
          unresolved: pool.unresolved(),
          entries: table.entries(),
          results: dialler.results(),
          isOwn,
          nowMs,
        }),
        aloneForMs: aloneSinceMs === undefined ? undefined : nowMs - aloneSinceMs,
      }
    },
    async close() {
      ending.abort()
      stopListening()
      stopWatching()
      cancelTick()
      cancelSoon?.()
      absent.close()
      await pool.close()
      await Promise.allSettled(running.values())
    },
  }
}

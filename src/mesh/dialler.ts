import { type Bus, BusFailure } from '../ports/bus.ts'
import type { Clock } from '../ports/clock.ts'
import type { Log } from '../ports/log.ts'
import type { NodeId } from '../ports/node-id.ts'
import { pause } from '../ports/pause.ts'
import type { Timers } from '../ports/timers.ts'
import type { BackOff } from './back-off.ts'
import type { Candidate } from './dial-candidates.ts'
import { type DialResult, dialWords } from './dial-report.ts'
import type { MemberTable } from './member-table.ts'

/** Dials since the start, by how they ended. */
export type DialCounts = Readonly<Record<'connected' | BusFailure['code'], number>>

/** Dials addresses, and remembers who was there. */
export interface Dialler {
  /** One address after the other, until somebody answers. */
  dialAll(candidate: Candidate): Promise<NodeId | undefined>
  /** Waits a little and looks whether it is still a stranger: a node that is started with many others would dial them as they dial it. */
  dialStranger(candidate: Candidate): Promise<void>
  /** Who was met at an address lately: addresses change hands, and behind that of a service is now this node and now that. */
  foundAt(address: string): NodeId | undefined
  /** What came of the last dial of each address. */
  results(): ReadonlyMap<string, DialResult>
  /** On another network others are there. */
  forget(): void
  counts(): DialCounts
}

const dialTimeoutMs = 5_000
const strangerJitterMs = 1_500
const maxFound = 4_096
const foundForMs = 600_000
/** Whoever has this node's own key may be another node, which is looked for again before its alarm ends. */
const ownKeyFoundForMs = foundForMs / 2

/** Never rejects: who was not met is told to the back-off. */
export function createDialler(parts: {
  readonly bus: Bus
  readonly table: MemberTable
  readonly backOff: BackOff
  readonly clock: Clock
  readonly timers: Timers
  readonly random: () => number
  readonly log: Log
  readonly signal: AbortSignal
  /** Whether somebody counts on a node there, so that it is told when none is. */
  readonly isSeed: (address: string) => boolean
}): Dialler {
  const { bus, table, backOff, clock, timers, random, log, signal } = parts
  const found = new Map<string, { readonly id: NodeId; readonly untilMs: number }>()
  const results = new Map<string, DialResult>()
  /** By address, what was told of it since it answered. */
  const told = new Map<string, Set<string>>()
  const counts = {
    connected: 0,
    unreachable: 0,
    refused: 0,
    'no-mesh': 0,
    'hung-up': 0,
    self: 0,
    closed: 0,
  }

  async function dialStranger(candidate: Candidate): Promise<void> {
    await pause(strangerJitterMs * random(), timers, signal)
    const [address = ''] = candidate.addresses
    const id = foundAt(address)
    const isMet = bus.neighbours().some(n => n.id === id || n.address === address)
    const isKnown = [...table.entries()].some(
      e => e.state === 'alive' && e.view.meshAddresses.includes(address),
    )
    if (!signal.aborted && !isMet && !isKnown) await dialAll(candidate)
  }

  /** One address after the other, until somebody answers. */
  async function dialAll({ id, addresses: all }: Candidate): Promise<NodeId | undefined> {
    for (const address of all) {
      if (signal.aborted || bus.neighbours().some(n => n.id === id)) return undefined
      const met = await dial(address)
      if (met !== undefined) return met
    }
    return undefined
  }

  async function dial(address: string): Promise<NodeId | undefined> {
    const limited = AbortSignal.any([signal, AbortSignal.timeout(dialTimeoutMs)])
    try {
      const id = await bus.dial(address, limited)
      remember(address, 'connected')
      backOff.reset(address)
      told.delete(address)
      find(address, id)
      return id
    } catch (err) {
      if (!signal.aborted) fail(address, err)
      return undefined
    }
  }

  function fail(address: string, err: unknown): void {
    const code = err instanceof BusFailure ? err.code : 'unreachable'
    remember(address, code)
    backOff.failed(address)
    if (code === 'self') find(address, bus.self, ownKeyFoundForMs)
    else found.delete(address)
    if (code !== 'self') tell(address, code)
    log.debug({ address, code, err }, 'nobody met')
  }

  /** Once for an address and a reason. That a member is not to be reached, its state tells. */
  function tell(address: string, code: BusFailure['code']): void {
    const isTrouble = code === 'refused' || code === 'no-mesh' || parts.isSeed(address)
    const before = told.get(address) ?? new Set()
    if (!isTrouble || before.has(code)) return
    if (told.size >= maxFound) told.clear()
    told.set(address, before.add(code))
    log.warn({ address, code }, `a node was not met: ${dialWords[code]}`)
  }

  function remember(address: string, result: DialResult['result']): void {
    counts[result] += 1
    results.delete(address)
    const [oldest] = results.keys()
    if (results.size >= maxFound && oldest !== undefined) results.delete(oldest)
    results.set(address, { result, atMs: clock.monotonicMs() })
  }

  function find(address: string, id: NodeId, forMs = foundForMs): void {
    if (found.size >= maxFound) found.clear()
    found.set(address, { id, untilMs: clock.monotonicMs() + forMs })
  }

  function foundAt(address: string): NodeId | undefined {
    const entry = found.get(address)
    return entry !== undefined && clock.monotonicMs() < entry.untilMs ? entry.id : undefined
  }

  return {
    dialAll,
    dialStranger,
    foundAt,
    results: () => results,
    forget: () => found.clear(),
    counts: () => ({ ...counts }),
  }
}

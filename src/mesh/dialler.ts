import { type Bus, BusFailure } from '../ports/bus.ts'
import type { Clock } from '../ports/clock.ts'
import type { Log } from '../ports/log.ts'
import type { NodeId } from '../ports/node-id.ts'
import type { Timers } from '../ports/timers.ts'
import type { BackOff } from './back-off.ts'
import type { Candidate } from './dial-candidates.ts'
import type { MemberTable } from './member-table.ts'
import { pause } from './pause.ts'

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
}): Dialler {
  const { bus, table, backOff, clock, timers, random, log, signal } = parts
  const found = new Map<string, { readonly id: NodeId; readonly untilMs: number }>()
  const refused = new Set<string>()
  const counts = { connected: 0, unreachable: 0, refused: 0, self: 0, closed: 0 }

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
      counts.connected += 1
      backOff.reset(address)
      refused.delete(address)
      find(address, id)
      return id
    } catch (err) {
      if (!signal.aborted) fail(address, err)
      return undefined
    }
  }

  function fail(address: string, err: unknown): void {
    const code = err instanceof BusFailure ? err.code : 'unreachable'
    counts[code] += 1
    backOff.failed(address)
    if (code === 'self') find(address, bus.self, ownKeyFoundForMs)
    else found.delete(address)
    const isNews = code === 'refused' && !refused.has(address)
    if (isNews && refused.size < maxFound) refused.add(address)
    const message = isNews ? 'a node does not accept our key, or is none' : 'nobody met'
    log[isNews ? 'warn' : 'debug']({ address, code, err }, message)
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
    forget: () => found.clear(),
    counts: () => ({ ...counts }),
  }
}

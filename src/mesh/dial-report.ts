import type { BusFailure } from '../ports/bus.ts'
import type { MemberEntry } from './member-entry.ts'

/** What came of a dial. */
export interface DialResult {
  readonly result: 'connected' | BusFailure['code']
  /** Monotonic. */
  readonly atMs: number
}

/** An address at which another node is looked for, and what came of it. */
export interface DialledAddress {
  /** `host:port`; the name, where it does not resolve. */
  readonly address: string
  /** It is a seed; else a member said that it listens there. */
  readonly isSeed: boolean
  readonly result: keyof typeof dialWords
  /** Since the last dial; absent: none so far. */
  readonly agoMs: number | undefined
}

/** Where this node looks for others. */
export interface DialReport {
  /** Seeds first; of members only where they were not met. */
  readonly addresses: readonly DialledAddress[]
  /** How long this node has had no neighbour; `undefined` while it has one. */
  readonly aloneForMs: number | undefined
}

/** What each result means, as it follows an address. */
export const dialWords = {
  connected: 'a node is there',
  self: 'this node itself',
  refused: 'our cluster key is refused there',
  'no-mesh': 'no mesh port (mesh.listen, 5053 by default)',
  'hung-up':
    'ends the connection without a word: no mesh port (mesh.listen, 5053 by default), or busy',
  unreachable: 'cannot be connected',
  closed: 'the connection ended',
  unresolved: 'the name does not resolve',
  untried: 'not dialled so far',
} as const satisfies Record<DialResult['result'] | 'unresolved' | 'untried', string>

/** Of members' addresses; there may be thousands. */
const maxOfMembers = 32

/** Looks through seeds, members and the dials so far. */
export function reportDials(parts: {
  readonly seeds: readonly string[]
  readonly unresolved: readonly string[]
  readonly entries: Iterable<MemberEntry>
  readonly results: ReadonlyMap<string, DialResult>
  readonly isOwn: (address: string) => boolean
  readonly nowMs: number
}): readonly DialledAddress[] {
  const { results, nowMs } = parts
  const entries = [...parts.entries]
  const met = new Set(entries.filter(e => e.isNeighbour).flatMap(e => e.view.meshAddresses))

  function describe(address: string, isSeed: boolean): DialledAddress {
    const last = results.get(address)
    const agoMs = last && Math.round(nowMs - last.atMs)
    if (parts.isOwn(address)) return { address, isSeed, result: 'self', agoMs }
    // Who came by itself is there all the same.
    if (met.has(address)) return { address, isSeed, result: 'connected', agoMs }
    return { address, isSeed, result: last?.result ?? 'untried', agoMs }
  }

  const seeds = new Set(parts.seeds)
  const unmet = new Set(entries.filter(e => !e.isNeighbour).flatMap(e => e.view.meshAddresses))
  const tried = [...unmet].filter(address => results.has(address) && !seeds.has(address))
  return [
    ...[...seeds].map(address => describe(address, true)),
    ...parts.unresolved.map(
      (address): DialledAddress => ({
        address,
        isSeed: true,
        result: 'unresolved',
        agoMs: undefined,
      }),
    ),
    ...tried
      .map(address => describe(address, false))
      .filter(({ result }) => result !== 'connected')
      .slice(0, maxOfMembers),
  ]
}

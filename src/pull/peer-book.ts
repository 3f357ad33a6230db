import { LRUCache } from 'lru-cache'
import type { Clock } from '../ports/clock.ts'
import { type Members, mayAnswer } from '../ports/members.ts'
import type { NodeId } from '../ports/node-id.ts'

/** What this node measured of the others, and whom it therefore asks first. */
export interface PeerBook {
  /** Those that may answer, best first: who failed lately or is in doubt last, the own zone first, then by the time a transfer takes. */
  order(ids: Iterable<NodeId>): readonly NodeId[]
  /** Alive, or in doubt and not found out to be silent. */
  isThere(id: NodeId): boolean
  /** The first byte of an answer came after so long, ms. */
  began(id: NodeId, tookMs: number): void
  /** A transfer of so many bytes took so long, ms. */
  sent(id: NodeId, bytes: number, tookMs: number): void
  /** It did not answer, or broke off. */
  failed(id: NodeId): void
  /** It answered as it should: its failures are forgotten. */
  answered(id: NodeId): void
  /** It failed a moment ago: for longer after each failure in a row. */
  failedLately(id: NodeId): boolean
  /** Silence of so long is unusual for it, ms. */
  raceAfterMs(id: NodeId): number
  /** Whoever was asked to fetch something lives, and says so: silence of so long means that it stands still or is gone, ms. */
  silentAfterMs(id: NodeId): number
  /** Bytes a millisecond, lately; `undefined` when never measured. */
  speed(id: NodeId): number | undefined
}

interface Page {
  beginsMs: number | undefined
  bytesPerMs: number | undefined
  failures: number
  /** On the monotonic clock: until then it comes last. */
  avoidUntilMs: number
}

const maxPages = 1_000
/** What a new measurement weighs against all before it. */
const newWeight = 0.3
/** The transfer that nodes are compared by. */
const typicalBytes = 8 * 1024 * 1024
/** Assumed of who was never measured: a fast network. */
const assumedBytesPerMs = 100_000
/** What goes over a zone's border takes so many times as long as it seems: the border is everybody's. */
const foreignZoneFactor = 4
/** Less than this is too short to tell a speed. */
const measurableBytes = 256 * 1024
const shortestAvoidMs = 1_000
const longestAvoidMs = 60_000
/** Nobody is raced sooner, nor waited for longer, ms. */
const raceMs = { least: 300, most: 3_000 } as const
/** A busy machine may let its processes wait for that long, ms. */
const silenceMs = 1_000
/** TCP, TLS, the proofs and the question itself. */
const roundTripsToAsk = 5

/**
 * Keeps smoothed times of each node, in bounded memory.
 *
 * @param parts.random in [0, 1): nodes that are about equal are asked in a different order each time, so that not everybody asks the same
 */
export function createPeerBook(
  parts: {
    readonly members: Members
    readonly clock: Pick<Clock, 'monotonicMs'>
    readonly random?: () => number
  },
  { zone }: { readonly zone: string | undefined },
): PeerBook {
  const { members, clock, random = Math.random } = parts
  const pages = new LRUCache<NodeId, Page>({ max: maxPages })

  function pageOf(id: NodeId): Page {
    const known = pages.get(id)
    if (known !== undefined) return known
    const page = { beginsMs: undefined, bytesPerMs: undefined, failures: 0, avoidUntilMs: 0 }
    pages.set(id, page)
    return page
  }

  function isAvoided(id: NodeId): boolean {
    return (pages.get(id)?.avoidUntilMs ?? 0) > clock.monotonicMs()
  }

  function isAlive(id: NodeId): boolean {
    return members.get(id)?.state === 'alive'
  }

  function isThere(id: NodeId): boolean {
    const member = members.get(id)
    return member !== undefined && mayAnswer(member, clock.monotonicMs())
  }

  function forgive(page: Page): void {
    page.failures = 0
    page.avoidUntilMs = 0
  }

  function expectedMs(id: NodeId): number {
    const page = pages.get(id)
    const member = members.get(id)
    const beginsMs = page?.beginsMs ?? member?.roundTripMs ?? 1
    const ms = beginsMs + typicalBytes / (page?.bytesPerMs ?? assumedBytesPerMs)
    const isForeign = zone !== undefined && member?.zone !== zone
    return ms * (isForeign ? foreignZoneFactor : 1) * (0.75 + random() / 2)
  }

  function smooth(before: number | undefined, now: number): number {
    return before === undefined ? now : before + newWeight * (now - before)
  }

  return {
    order(ids) {
      return [...ids]
        .filter(isThere)
        .map(id => ({ id, isAvoided: isAvoided(id) || !isAlive(id), ms: expectedMs(id) }))
        .sort((a, b) => Number(a.isAvoided) - Number(b.isAvoided) || a.ms - b.ms)
        .map(({ id }) => id)
    },
    isThere,
    began(id, tookMs) {
      const page = pageOf(id)
      page.beginsMs = smooth(page.beginsMs, tookMs)
    },
    sent(id, bytes, tookMs) {
      const page = pageOf(id)
      forgive(page)
      if (bytes >= measurableBytes) {
        page.bytesPerMs = smooth(page.bytesPerMs, bytes / Math.max(tookMs, 1))
      }
    },
    failed(id) {
      const page = pageOf(id)
      const avoidMs = Math.min(shortestAvoidMs * 2 ** page.failures, longestAvoidMs)
      page.failures += 1
      page.avoidUntilMs = clock.monotonicMs() + avoidMs
    },
    answered: id => forgive(pageOf(id)),
    failedLately: isAvoided,
    raceAfterMs(id) {
      const usualMs = pages.get(id)?.beginsMs ?? 0
      return Math.min(Math.max(2 * usualMs, raceMs.least), raceMs.most)
    },
    silentAfterMs(id) {
      const connectMs = roundTripsToAsk * (members.get(id)?.roundTripMs ?? 0)
      return Math.min(silenceMs + connectMs, raceMs.most)
    },
    speed: id => pages.get(id)?.bytesPerMs,
  }
}

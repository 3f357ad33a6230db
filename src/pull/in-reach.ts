import { LRUCache } from 'lru-cache'
import pTimeout from 'p-timeout'
import type { Digest } from '../oci/digest.ts'
import type { Repository } from '../oci/reference.ts'
import { createAliveIds } from '../ports/alive-ids.ts'
import type { Clock } from '../ports/clock.ts'
import { isAnyoneThere, type Members } from '../ports/members.ts'
import type { NodeId } from '../ports/node-id.ts'
import type { Completeness } from './completeness.ts'
import { findGaps, type GapParts } from './find-gaps.ts'

/** Whether images can be had from here and live members together, without the registry. */
export interface InReach {
  /**
   * Whether everything this node's clients need of an image is held here or by a live member. What its manifests say is fetched from
   * their holders first. Settles within `budgetMs`: what could not be told by then is not in reach. Never rejects.
   *
   * @param saidBy who observed it, and is likely to hold it before the index is told
   */
  isInReach(repository: Repository, target: Digest, saidBy?: NodeId): Promise<boolean>
  /** What was found out in the last seconds; `undefined` when nothing was. */
  lately(target: Digest): boolean | undefined
  /** Something could not be had: verdicts are to be made anew. */
  doubt(): void
  close(): void
}

interface Parts extends GapParts {
  readonly members: Pick<Members, 'all' | 'alive' | 'onChange'>
  readonly completeness: Pick<Completeness, 'isComplete' | 'needs'>
  readonly clock: Pick<Clock, 'monotonicMs'>
}

/**
 * A verdict is believed for so long, ms: everything may be gone a moment later, and is then asked from the next. What could not be told
 * in time may be told the next time, when its manifests have come.
 */
const believedMs = { yes: 5_000, unknown: 100 } as const
/** A no is believed for a share of the time that it has been one, ms: what a node has just learned of is there a moment later. */
const noMs = { share: 0.5, least: 25, most: 1_000 } as const
const maxVerdicts = 1_000
/** What was found out of an image, on the monotonic clock, ms. */
interface Belief {
  readonly verdict: boolean
  /** Since when it has been so. */
  readonly sinceMs: number
  readonly untilMs: number
  /** Who was asked for having observed it. */
  readonly asked: ReadonlySet<NodeId>
}

/** @param settings.budgetMs how long it is looked for a verdict; whoever waits for less hears of it the next time */
export function createInReach(parts: Parts, settings: { readonly budgetMs: number }): InReach {
  const { members, completeness, clock } = parts
  const verdicts = new LRUCache<Digest, Belief>({ max: maxVerdicts })
  const running = new Map<Digest, Promise<boolean>>()
  const aliveIds = createAliveIds(members)
  let alive = aliveIds()
  const stopListening = members.onChange(() => {
    const now = aliveIds()
    if (now !== alive) verdicts.clear()
    alive = now
  })

  function lately(target: Digest): boolean | undefined {
    const known = verdicts.get(target)
    return known !== undefined && clock.monotonicMs() < known.untilMs ? known.verdict : undefined
  }

  async function judge(
    repository: Repository,
    target: Digest,
    saidBy: NodeId | undefined,
  ): Promise<boolean> {
    const ending = new AbortController()
    const verdict = await pTimeout(look(repository, target, saidBy, ending.signal), {
      milliseconds: settings.budgetMs,
      fallback: () => undefined,
    }).catch(() => undefined)
    ending.abort()
    believe(target, verdict, saidBy)
    return verdict === true
  }

  function believe(target: Digest, verdict: boolean | undefined, saidBy: NodeId | undefined): void {
    const nowMs = clock.monotonicMs()
    const before = verdicts.get(target)
    // One that nobody asked about for long says nothing of the time since.
    const lasts = before?.verdict === false && nowMs - before.untilMs < noMs.most
    const sinceMs = lasts ? before.sinceMs : nowMs
    const asked = new Set(lasts ? before.asked : [])
    if (saidBy !== undefined) asked.add(saidBy)
    const untilMs = nowMs + ttlMs(verdict, nowMs - sinceMs)
    verdicts.set(target, { verdict: verdict === true, sinceMs, untilMs, asked })
  }

  function ttlMs(verdict: boolean | undefined, forMs: number): number {
    if (verdict === undefined) return believedMs.unknown
    if (verdict) return believedMs.yes
    return Math.min(Math.max(forMs * noMs.share, noMs.least), noMs.most)
  }

  /** A no says nothing of who was not asked. */
  function believed(target: Digest, saidBy: NodeId | undefined): boolean | undefined {
    const verdict = lately(target)
    return verdict === false && !wasAsked(target, saidBy) ? undefined : verdict
  }

  function wasAsked(target: Digest, saidBy: NodeId | undefined): boolean {
    return saidBy === undefined || verdicts.get(target)?.asked.has(saidBy) === true
  }

  async function look(
    repository: Repository,
    target: Digest,
    saidBy: NodeId | undefined,
    signal: AbortSignal,
  ): Promise<boolean> {
    const question = { repository, target, saidBy }
    const gaps = await findGaps(parts, question, { patienceMs: settings.budgetMs, signal })
    return gaps?.length === 0
  }

  async function isInReach(
    repository: Repository,
    target: Digest,
    saidBy: NodeId | undefined,
  ): Promise<boolean> {
    if (completeness.isComplete(target)) return true
    if (!isAnyoneThere(members, clock.monotonicMs())) return false
    const known = believed(target, saidBy)
    if (known !== undefined) return known
    const joined = running.get(target)
    if (joined === undefined) {
      const work = judge(repository, target, saidBy).finally(() => running.delete(target))
      running.set(target, work)
      return work
    }
    const isThere = await joined
    const isTold = isThere || wasAsked(target, saidBy)
    return isTold ? isThere : isInReach(repository, target, saidBy)
  }

  return {
    isInReach,
    lately,
    doubt: () => verdicts.clear(),
    close: stopListening,
  }
}

/** A node alone: what it does not hold is not in reach. */
export const nothingInReach: InReach = {
  isInReach: async () => false,
  lately: () => false,
  doubt() {},
  close() {},
}

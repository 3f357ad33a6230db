import { LRUCache } from 'lru-cache'
import pTimeout from 'p-timeout'
import type { Digest } from '../oci/digest.ts'
import type { Repository } from '../oci/reference.ts'
import { createAliveIds } from '../ports/alive-ids.ts'
import type { Clock } from '../ports/clock.ts'
import type { Holders } from '../ports/holders.ts'
import type { Members } from '../ports/members.ts'
import type { Completeness, NeededContent } from './completeness.ts'
import type { Manifests } from './get-manifest.ts'

/** Whether images can be had from here and live members together, without the registry. */
export interface InReach {
  /**
   * Whether everything this node's clients need of an image is held here or by a live member. What its manifests say is fetched from
   * their holders first. Settles within `budgetMs`: what could not be told by then is not in reach. Never rejects.
   */
  isInReach(repository: Repository, target: Digest): Promise<boolean>
  /** What was found out in the last seconds; `undefined` when nothing was. */
  lately(target: Digest): boolean | undefined
  /** Something could not be had: verdicts are to be made anew. */
  doubt(): void
  close(): void
}

interface Parts {
  readonly members: Pick<Members, 'alive' | 'onChange'>
  readonly holders: Pick<Holders, 'find'>
  readonly completeness: Pick<Completeness, 'isComplete' | 'needs'>
  readonly manifests: Pick<Manifests, 'fetchFromPeers'>
  readonly clock: Pick<Clock, 'monotonicMs'>
}

/**
 * A verdict is believed for so long, ms: everything may be gone a moment later, and is then asked from the next. What could not be told
 * in time may be told the next time, when its manifests have come.
 */
const believedMs = { yes: 5_000, no: 1_000, unknown: 100 } as const
const maxVerdicts = 1_000
/** An index in an index in an index is the deepest that is looked into. */
const maxRounds = 4
/** Manifests and blobs of one image that are looked up. */
const maxNeeds = 256

/** @param settings.budgetMs how long it is looked for a verdict; whoever waits for less hears of it the next time */
export function createInReach(parts: Parts, settings: { readonly budgetMs: number }): InReach {
  const { members, holders, completeness, manifests, clock } = parts
  const verdicts = new LRUCache<Digest, { readonly verdict: boolean; readonly untilMs: number }>({
    max: maxVerdicts,
  })
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

  async function judge(repository: Repository, target: Digest): Promise<boolean> {
    const ending = new AbortController()
    const verdict = await pTimeout(look(repository, target, ending.signal), {
      milliseconds: settings.budgetMs,
      fallback: () => undefined,
    }).catch(() => undefined)
    ending.abort()
    const ttlMs = verdict === undefined ? believedMs.unknown : believedMs[verdict ? 'yes' : 'no']
    verdicts.set(target, { verdict: verdict === true, untilMs: clock.monotonicMs() + ttlMs })
    return verdict === true
  }

  async function look(
    repository: Repository,
    target: Digest,
    signal: AbortSignal,
  ): Promise<boolean> {
    for (let round = 0; round < maxRounds; round += 1) {
      const needs = completeness.needs(target)
      if (needs === undefined || needs.length > maxNeeds) return false
      const unread = needs.filter(({ isUnread }) => isUnread)
      if (unread.length === 0) return areHeld(needs, signal)
      const came = await Promise.all(
        unread.map(({ digest }) => manifests.fetchFromPeers(repository, digest, signal)),
      )
      if (came.includes(undefined)) return false
    }
    return false
  }

  async function areHeld(needs: readonly NeededContent[], signal: AbortSignal): Promise<boolean> {
    const digests = needs.map(({ digest }) => digest)
    const found = await holders.find(digests, signal, { isLastResort: true })
    return digests.every(digest => found.has(digest))
  }

  return {
    async isInReach(repository, target) {
      if (completeness.isComplete(target)) return true
      if (members.alive().length === 0) return false
      const known = lately(target)
      if (known !== undefined) return known
      const work = running.get(target) ?? judge(repository, target)
      running.set(target, work)
      return work.finally(() => running.delete(target))
    },
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

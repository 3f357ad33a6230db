import type { Clock } from '../ports/clock.ts'
import type { ContentStore } from '../ports/content-store.ts'
import type { Holders } from '../ports/holders.ts'
import type { Log } from '../ports/log.ts'
import type { Members } from '../ports/members.ts'
import type { PeerAnswer, PeerClient } from '../ports/peer-port.ts'
import type { Timers } from '../ports/timers.ts'
import { startIndexAnnouncer } from './index-announcer.ts'
import { createIndexAnswers } from './index-answers.ts'
import { createIndexEntries } from './index-entries.ts'
import { createIndexFinder } from './index-finder.ts'
import { createShardOwners } from './index-owners.ts'

/** This node's part in the index of holders. */
export interface IndexNode {
  readonly holders: Holders
  /** To be offered on the peer port. */
  readonly answers: ReadonlyMap<string, PeerAnswer>
  /** Digests of others that are kept here. */
  size(): number
  /** Withdraws what this node holds, within a second. */
  close(): Promise<void>
}

/** For a whole look-up, ms. */
export const lookUpMs = 50
/** How often it is looked whose lease has ended, ms. */
const sweepMs = 60_000

/**
 * Who holds which blob: a digest's first byte names its shard, three live members keep that, and everybody asks them. Who holds
 * something tells them; who was asked and does not have it is dropped.
 */
export function startIndexNode(
  parts: {
    readonly store: Pick<ContentStore, 'list' | 'stat' | 'onChange'>
    readonly members: Members
    readonly client: Pick<PeerClient, 'call'>
    readonly clock: Pick<Clock, 'monotonicMs'>
    readonly timers: Timers
    /** From 0 up to 1. */
    readonly random: () => number
    readonly log: Log
  },
  { zone }: { readonly zone: string | undefined },
): IndexNode {
  const { members, timers } = parts
  const ending = new AbortController()
  const ownersOf = createShardOwners(members)
  const entries = createIndexEntries(parts, { zone })
  const announcer = startIndexAnnouncer({ ...parts, ownersOf })
  const settings = { zone, budgetMs: lookUpMs, signal: ending.signal }
  let stopSweeping = () => {}
  const sweepLater = () => {
    stopSweeping = timers.after(sweepMs, () => {
      entries.sweep()
      sweepLater()
    })
  }
  sweepLater()

  return {
    holders: createIndexFinder({ ...parts, ownersOf, entries }, settings),
    answers: createIndexAnswers({ ...parts, entries }),
    size: entries.size,
    async close() {
      stopSweeping()
      await announcer.close()
      ending.abort()
    },
  }
}

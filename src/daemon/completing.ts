import type { Config } from '../config/config.ts'
import type { Digest } from '../oci/digest.ts'
import type { Repository } from '../oci/reference.ts'
import type { Clock } from '../ports/clock.ts'
import type { Log } from '../ports/log.ts'
import type { Members } from '../ports/members.ts'
import type { Upstream } from '../ports/upstream.ts'
import { createCompleteTags } from '../pull/complete-tag.ts'
import type { Blobs } from '../pull/get-blob.ts'
import type { Manifests } from '../pull/get-manifest.ts'
import type { InReach } from '../pull/in-reach.ts'
import type { ReachOf } from '../pull/reach-of.ts'
import type { Content } from './content.ts'

/** Fetching the rest of images. */
export interface Completing {
  /**
   * Has the rest of an image fetched, behind all pulls, unless it is no longer wanted when its turn comes; `false` where this node keeps
   * nothing, and there is no place for it.
   */
  readonly complete: (
    repository: Repository,
    target: Digest,
    isStillWanted?: () => boolean,
  ) => boolean
  /** Whether anybody could be asked for it now: its registry, or other nodes. */
  readonly canBeHad: (repository: Repository, target: Digest) => boolean
  /** The same for what was answered, where `store.completeTags` wants it, too. */
  readonly fetchRest: (repository: Repository, target: Digest) => void
  /** Images whose rest is being fetched, or waits for nothing but its turn. */
  readonly pending: () => number
}

const settings = { concurrency: 2, quietMs: 500, retryMs: 5_000 } as const

/** Wires the queue behind all pulls to what it needs. */
export function wireCompleting(
  { store: { completeTags: isWanted } }: Pick<Config, 'store'>,
  parts: {
    readonly content: Pick<Content, 'store' | 'graph' | 'completeness' | 'keepsContent'>
    /** Whether an empty store would take all of an image. */
    readonly mayFit: (target: Digest) => boolean
    readonly manifests: Pick<Manifests, 'fetch'>
    readonly blobs: Pick<Blobs, 'fetch' | 'isBusy' | 'onBusyChange'>
    readonly reachOf: ReachOf
    readonly inReach: Pick<InReach, 'lately'>
    readonly upstream: Pick<Upstream, 'onRecovered'>
    /** Absent: a node alone. */
    readonly members: Pick<Members, 'alive'> | undefined
    readonly clock: Clock
    readonly log: Log
  },
  owned: AsyncDisposableStack,
): Completing {
  const { content, mayFit, inReach, members, ...shared } = parts
  const { store, graph, completeness, keepsContent } = content
  const nothing = () => {}
  if (!keepsContent) {
    const no = (): boolean => false
    return { complete: no, canBeHad: no, fetchRest: nothing, pending: () => 0 }
  }
  const isReachedByPeers = (registry: string): boolean =>
    members?.alive().some(({ upstreams }) => upstreams.includes(registry)) === true
  const canPeersComplete = ({ registry }: Repository, target: Digest): boolean =>
    inReach.lately(target) === true || isReachedByPeers(registry)
  /** Acquitted when that content comes. */
  function onLacking(target: Digest): void {
    const [lacking] = completeness.missing(target)
    if (lacking !== undefined) completeness.markContentFailed(lacking.digest)
  }
  const queue = createCompleteTags(
    { ...shared, store, graph, completeness, canPeersComplete, onLacking },
    settings,
  )
  owned.defer(() => queue.close())
  return {
    complete(...image) {
      queue.want(...image)
      return true
    },
    // What no store of this size takes would only push out what others use.
    fetchRest: isWanted
      ? (repository, target) => queue.want(repository, target, () => mayFit(target))
      : nothing,
    canBeHad: queue.canBeHad,
    pending: queue.pending,
  }
}

import type { Digest } from '../oci/digest.ts'
import { formatRepository, type Repository } from '../oci/reference.ts'
import type { Clock } from '../ports/clock.ts'
import type { ContentStore } from '../ports/content-store.ts'
import type { Log } from '../ports/log.ts'
import type { Upstream } from '../ports/upstream.ts'
import type { Absent } from './absent.ts'
import { completeImage, type FetchParts } from './complete-image.ts'
import type { ContentGraph } from './content-graph.ts'
import type { Blobs } from './get-blob.ts'
import type { ReachOf } from './reach-of.ts'

/** Completes in the background what was answered. */
export interface CompleteTags {
  /**
   * An image was answered from this repository: what of it is not held is fetched when nobody else wants the link.
   *
   * @param isStillWanted asked again before it begins: an image that nobody wants any more leaves the queue; by default it stays
   */
  want(repository: Repository, target: Digest, isStillWanted?: () => boolean): void
  /** Whether anybody could be asked for it now: its registry, or other nodes. */
  canBeHad(repository: Repository, target: Digest): boolean
  /** Images under way, and those that wait for nothing but their turn: what cannot be had now, or pauses after a failure, takes no place. */
  pending(): number
  close(): Promise<void>
}

interface Parts extends FetchParts {
  readonly blobs: Pick<Blobs, 'fetch' | 'isBusy' | 'onBusyChange'>
  readonly store: Pick<ContentStore, 'onChange'>
  readonly graph: Pick<ContentGraph, 'ancestors'>
  readonly reachOf: ReachOf
  /** Other nodes hold what this one lacks of an image, or can fetch it. */
  readonly canPeersComplete: (repository: Repository, target: Digest) => boolean
  readonly upstream: Pick<Upstream, 'onRecovered'>
  /** Its registry denies what is missing of an image, or does not have it. */
  readonly onLacking: (target: Digest) => void
  readonly clock: Clock
  readonly log: Log
}

interface Settings {
  /** Images at the same time. */
  readonly concurrency: number
  /** How long no client may have downloaded anything before the background goes on, ms. */
  readonly quietMs: number
  /** After a failure an image is tried again after this, then after twice as long, and so on; ms. */
  readonly retryMs: number
}

interface Job {
  readonly name: string
  readonly repository: Repository
  readonly target: Digest
  isStillWanted: () => boolean
  failures: number
  /** On the monotonic clock. */
  notBeforeMs: number
}

/** Images waiting at the most; the oldest is dropped first, and before it one of the oldest that could not begin now. */
const maxQueued = 1_000
/** Of which it is looked whether they could: thousands may be wanted at once, and each that comes would look through all. */
const maxLookedAt = 32
/** Failures after which an image is left to the next who asks for it. */
const maxFailures = 10
/** Retries are no further apart than this, ms. */
const maxRetryMs = 600_000
/** How often what waits for an upstream that is down is looked at without any news of it, ms. */
const lookAgainMs = 30_000

const always = (): boolean => true

/**
 * A queue behind all pulls: it stands still while clients download (what it was at is suspended and goes on by Range later) and while
 * an upstream is down, and goes on when that recovers. What was let go of to make room is not fetched again for an image that waits:
 * it would push out what was used since.
 */
export function createCompleteTags(parts: Parts, settings: Settings): CompleteTags {
  const { clock, log, blobs } = parts
  const queue = new Map<string, Job>()
  const running = new Map<Job, { readonly ended: Promise<void>; stop(): void }>()
  let timer: NodeJS.Timeout | undefined
  let wakesAtMs = Number.POSITIVE_INFINITY
  let isClosed = false

  const stopListening = [
    blobs.onBusyChange(() => {
      if (!blobs.isBusy()) return wake(settings.quietMs)
      for (const job of running.values()) job.stop()
    }),
    parts.upstream.onRecovered(recovered),
    parts.store.onChange(({ kind, digest, reason }) => {
      if (kind === 'removed' && reason === undefined && queue.size > 0) forget(digest)
    }),
  ]

  /** The earliest call counts: who keeps asking puts nothing off. */
  function wake(afterMs: number): void {
    const atMs = clock.monotonicMs() + afterMs
    if (isClosed || queue.size === 0 || atMs >= wakesAtMs) return
    clearTimeout(timer)
    wakesAtMs = atMs
    timer = setTimeout(pump, afterMs).unref()
  }

  /** What failed before may succeed now: no pause outlives the outage. */
  function recovered(registry: string, repository: string | undefined): void {
    for (const job of queue.values()) {
      const isMeant = repository === undefined || repository === job.repository.repository
      if (registry === job.repository.registry && isMeant) job.notBeforeMs = 0
    }
    wake(settings.quietMs)
  }

  function forget(digest: Digest): void {
    const ancestors = parts.graph.ancestors(digest)
    for (const { name, target } of queue.values()) {
      if (target === digest || ancestors.has(target)) queue.delete(name)
    }
  }

  function pump(): void {
    wakesAtMs = Number.POSITIVE_INFINITY
    if (blobs.isBusy()) return // the end of it wakes us
    dropUnwanted()
    for (const job of queue.values()) {
      if (running.size >= settings.concurrency) return
      if (isDue(job)) start(job)
    }
    const nextMs = Math.min(...[...queue.values()].map(job => job.notBeforeMs))
    wake(Math.min(Math.max(nextMs - clock.monotonicMs(), settings.quietMs), lookAgainMs))
  }

  function dropUnwanted(): void {
    for (const job of queue.values()) if (!job.isStillWanted()) queue.delete(job.name)
  }

  function isDue({ repository, target, notBeforeMs }: Job): boolean {
    return canBeHad(repository, target) && notBeforeMs <= clock.monotonicMs()
  }

  function canBeHad(repository: Repository, target: Digest): boolean {
    const isReachable = parts.reachOf(repository).state === 'reachable'
    return isReachable || parts.canPeersComplete(repository, target)
  }

  function start(job: Job): void {
    queue.delete(job.name)
    const controller = new AbortController()
    const ended = run(job, controller.signal).finally(() => {
      running.delete(job)
      wake(settings.quietMs)
    })
    running.set(job, { ended, stop: () => controller.abort() })
  }

  async function run(job: Job, signal: AbortSignal): Promise<void> {
    const ref = `${formatRepository(job.repository)}@${job.target}`
    try {
      const failure = await completeImage(parts, job, signal)
      if (failure === undefined) log.info({ ref }, 'image is complete')
      else retry(job, ref, failure)
    } catch (err) {
      if (signal.aborted) return enqueue(job)
      log.warn({ ref, err }, 'completing an image broke off')
    }
  }

  /** A denial, a 404 or a full store are answers; all else may pass. */
  function retry(job: Job, ref: string, { reason, failure }: Absent): void {
    const isFinal = failure === undefined || failure === 'denied' || failure === 'not-found'
    job.failures += 1
    if (failure === 'denied' || failure === 'not-found') parts.onLacking(job.target)
    if (isFinal || job.failures >= maxFailures) {
      log.info({ ref, reason }, 'image stays incomplete')
      return
    }
    const pauseMs = Math.min(settings.retryMs * 2 ** (job.failures - 1), maxRetryMs)
    job.notBeforeMs = clock.monotonicMs() + pauseMs
    enqueue(job)
  }

  function enqueue(job: Job): void {
    if (isClosed) return
    if (queue.size >= maxQueued) dropOne()
    queue.set(job.name, job)
  }

  function dropOne(): void {
    const oldest = [...queue.values()].slice(0, maxLookedAt)
    const dropped = oldest.find(job => !isDue(job)) ?? oldest[0]
    if (dropped !== undefined) queue.delete(dropped.name)
  }

  return {
    want(repository, target, isStillWanted = always) {
      const name = `${formatRepository(repository)}@${target}`
      const known = queue.get(name) ?? [...running.keys()].find(job => job.name === name)
      if (known !== undefined) {
        // Who wants it on no condition, or on a newer one, is not let down by another's that ended.
        if (known.isStillWanted !== always) known.isStillWanted = isStillWanted
        return
      }
      if (isClosed || parts.completeness.missing(target).length === 0) return
      enqueue({ name, repository, target, isStillWanted, failures: 0, notBeforeMs: 0 })
      wake(settings.quietMs)
    },
    canBeHad,
    pending() {
      dropUnwanted()
      return running.size + [...queue.values()].filter(isDue).length
    },
    async close() {
      isClosed = true
      clearTimeout(timer)
      for (const stop of stopListening) stop()
      for (const job of running.values()) job.stop()
      await Promise.all([...running.values()].map(job => job.ended))
    },
  }
}

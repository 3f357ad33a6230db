import type { Digest } from '../oci/digest.ts'
import type { Platform } from '../oci/platform.ts'
import type { Clock } from '../ports/clock.ts'
import type { Log } from '../ports/log.ts'
import type { Timers } from '../ports/timers.ts'
import {
  doubt,
  entriesOf,
  isHoped,
  isOf,
  knownOf,
  note,
  postpone,
  shareStateOf,
  tellEntry,
  type WarmEntry,
  wantedOf,
} from './warm-entry.ts'
import {
  type Depth,
  type FoundImage,
  fetchTree,
  findImage,
  findReferrers,
  type Hindrance,
  isHindrance,
  tellLacking,
  type WarmSource,
} from './warm-image.ts'
import type { WarmJob } from './warm-job.ts'
import { countImage, countShare } from './warm-progress.ts'
import { isSettled, type Share } from './warm-share.ts'
import { createWarmTurns } from './warm-turns.ts'

/** This node's work on one job. */
export interface WarmRun {
  readonly job: WarmJob
  share(): Share
  /** That of the share, without the counting. */
  state(): Share['state']
  /** The manifests and blobs of an image, by its place in the job, as far as they are known. */
  rootsOf(at: number): readonly Digest[]
  /** Images that it fetches or has fetched: an image that failed is left to the collection, so that the others have its room. */
  wanted(): readonly Digest[]
  /** Other nodes may have come, gone or said something: what was left to them may be this node's now. */
  reconsider(): void
  /** What could not be had from a registry may be there now. */
  hope(registry: string): void
  /** What is under way from a registry is suspended until {@link WarmRunParts.heldUntilMs}. */
  hold(registry: string): void
  /** Clients began or ended to download. */
  busyChanged(): void
  /** Suspends what is under way; what was stored stays. */
  stop(): Promise<void>
}

/** Whom a run asks. */
export interface WarmRunParts {
  readonly source: WarmSource
  /** This node's own, which count where the job names none. */
  readonly platforms: readonly Platform[]
  /** Whether an image of a job that wants copies is this node's to hold. */
  readonly isOurs: (digest: Digest, copies: number) => boolean
  /** What nodes that began before took an image's tag to stand for, by its place in the job. */
  readonly agreed: (at: number) => Digest | undefined
  /** Nothing is begun of what comes from a registry before this, on the monotonic clock, ms. */
  readonly heldUntilMs: (registry: string) => number
  /** Clients are downloading. */
  readonly isBusy: () => boolean
  /** Something that others should know changed; more bytes do not count. */
  readonly onChange: () => void
  /** Trusted time, ms since the epoch. */
  readonly nowMs: () => number
  readonly clock: Pick<Clock, 'monotonicMs'>
  readonly timers: Timers
  readonly log: Log
}

/** How long no client may have downloaded anything before it goes on, ms. */
const quietMs = 500

/**
 * Fetches a job's images behind all clients: first the manifests of all of them, so that it is known how much there is, then the rest.
 * What was under way when a client came is suspended and goes on by Range.
 *
 * @param before what this node said of it before it was restarted
 */
export function startWarmRun(
  job: WarmJob,
  platforms: readonly Platform[],
  before: Share | undefined,
  parts: WarmRunParts,
): WarmRun {
  const { source, clock, timers, log } = parts
  const { entries, isLost } = entriesOf(
    job,
    before,
    ({ state, digest }) =>
      state === 'done' && digest !== undefined && !source.isComplete(digest, platforms),
  )
  const countedSinceMs =
    before === undefined || isLost
      ? Math.max(parts.nowMs(), (before?.countedSinceMs ?? 0) + 1)
      : before.countedSinceMs
  let totals = { bytes: isLost ? 0 : (before?.bytes ?? 0), totalBytes: before?.totalBytes ?? 0 }

  const turns = createWarmTurns(entries, {
    concurrency: job.concurrency,
    isOpen: entry => !isSettled(entry) || isInDoubt(entry),
    dueMs: ({ notBeforeMs, reference }) =>
      Math.max(notBeforeMs, parts.heldUntilMs(reference.registry)),
    isBusy: parts.isBusy,
    advance,
    onEnd(entry) {
      if (isSettled(entry) && shareState() === 'ended') parts.onChange()
    },
    clock,
    timers,
  })

  /** What was remembered may by now be another one, and there is time to ask. */
  const isInDoubt = (entry: WarmEntry): boolean =>
    isHoped(entry) || (entry.isRemembered && entries.some(one => !isSettled(one)))

  function set(entry: WarmEntry, state: WarmEntry['state'], reason?: string): void {
    const isNews = entry.state !== state || entry.reason !== reason
    entry.state = state
    entry.reason = reason
    if (isNews) parts.onChange()
  }

  /** What waits does so until something of it comes: that it is tried again is no news. */
  function begin(entry: WarmEntry): void {
    if (entry.state !== 'waiting') set(entry, 'fetching')
  }

  function count(entry: WarmEntry): void {
    const { bytes } = entry
    Object.assign(entry, countImage(source, entry, platforms))
    if (entry.state === 'waiting' && turns.isRunning(entry) && entry.bytes > bytes) {
      entry.waitsSinceMs = undefined
      set(entry, 'fetching')
    }
  }

  async function advance(entry: WarmEntry, signal: AbortSignal): Promise<void> {
    try {
      if (isSettled(entry)) return await askAgain(entry, signal)
      if (isHoped(entry)) doubt(entry)
      if (entry.isPlanned) await fetchAll(entry, signal)
      else await plan(entry, signal)
    } catch (err) {
      if (signal.aborted) return
      log.warn({ job: job.id, err }, 'a warm job met a fault')
      set(entry, 'failed', err instanceof Error ? err.message : String(err))
    }
  }

  const find = async (entry: WarmEntry, signal: AbortSignal): Promise<FoundImage | Hindrance> =>
    knownOf(entry, parts.agreed(entries.indexOf(entry))) ??
    findImage(source, entry.reference, platforms, { failures: entry.failures, signal })

  /** It stays as it is, unless it stands for another one. */
  async function askAgain(entry: WarmEntry, signal: AbortSignal): Promise<void> {
    const found = await find({ ...entry, digest: undefined }, signal)
    signal.throwIfAborted()
    entry.isHoped = false
    if (isHindrance(found) || found.isRemembered) return postpone(entry, clock.monotonicMs())
    const isSame = found.digest === entry.digest
    note(entry, found)
    if (isSame) return parts.onChange()
    entry.isPlanned = false
    set(entry, 'pending')
  }

  /** Learns what the tag stands for, whose it is to hold, and how much there is of it. */
  async function plan(entry: WarmEntry, signal: AbortSignal): Promise<void> {
    begin(entry)
    const found = await find(entry, signal)
    signal.throwIfAborted()
    if (isHindrance(found)) return hinder(entry, found)
    note(entry, found)
    const { digest } = found
    if (!isOurs(digest)) return set(entry, 'elsewhere')
    entry.begun = digest
    entry.roots = [digest]
    if (!(await fetchRoots(entry, 'manifests', signal))) return
    if (job.referrers && !(await learnReferrers(entry, digest, signal))) return
    entry.isPlanned = true
    entry.failures = 0
    entry.notBeforeMs = 0
    set(entry, 'fetching')
  }

  const isOurs = (digest: Digest): boolean =>
    job.scope.type !== 'copies' || parts.isOurs(digest, job.scope.copies)

  async function learnReferrers(
    entry: WarmEntry,
    digest: Digest,
    signal: AbortSignal,
  ): Promise<boolean> {
    const found = await findReferrers(source, entry.reference, digest, {
      failures: entry.failures,
      signal,
    })
    signal.throwIfAborted()
    if (isHindrance(found)) {
      hinder(entry, found)
      return false
    }
    entry.roots = [digest, ...found.digests]
    entry.unasked = found.unasked
    return fetchRoots(entry, 'manifests', signal)
  }

  async function fetchAll(entry: WarmEntry, signal: AbortSignal): Promise<void> {
    begin(entry)
    if (!(await fetchRoots(entry, 'all', signal))) return
    const [image] = entry.roots
    if (image === undefined || source.isComplete(image, platforms)) {
      return finish(entry, 'done', entry.unasked)
    }
    const lacking = tellLacking(source, image, platforms)
    if (job.platforms === undefined) return finish(entry, 'unfit', lacking)
    finish(entry, 'failed', `${lacking}; name an image that has it, or leave the platform out`)
  }

  function finish(entry: WarmEntry, state: WarmEntry['state'], reason?: string): void {
    count(entry)
    set(entry, state, reason)
  }

  /** Whether all of it is there; else it was said why not. */
  async function fetchRoots(entry: WarmEntry, depth: Depth, signal: AbortSignal): Promise<boolean> {
    for (const digest of entry.roots) {
      const root = { repository: entry.reference, digest, platforms }
      const hindrance = await fetchTree(source, root, depth, signal)
      if (hindrance !== undefined) {
        hinder(entry, hindrance)
        return false
      }
    }
    return true
  }

  function hinder(entry: WarmEntry, { reason, isFinal }: Hindrance): void {
    if (isFinal) {
      finish(entry, 'failed', reason)
      return
    }
    postpone(entry, clock.monotonicMs())
    count(entry)
    doubt(entry)
    entry.waitsSinceMs ??= parts.nowMs()
    set(entry, 'waiting', reason)
  }

  const shareState = (): Share['state'] => shareStateOf(job, entries, turns.isRunning)

  turns.wake(0)
  return {
    job,
    share() {
      for (const entry of entries) count(entry)
      totals = countShare(source, entries, platforms, totals)
      const images = entries.map(tellEntry)
      return { jobAtMs: job.createdAtMs, state: shareState(), countedSinceMs, ...totals, images }
    },
    state: shareState,
    rootsOf: at => entries[at]?.roots ?? [],
    wanted: () => wantedOf(entries),
    reconsider() {
      for (const [at, entry] of entries.entries()) {
        if (entry.state !== 'elsewhere') continue
        const agreed = parts.agreed(at)
        if (agreed !== undefined) note(entry, { digest: agreed, isRemembered: false })
        if (entry.digest !== undefined && isOurs(entry.digest)) set(entry, 'pending')
      }
      turns.wake(0)
    },
    hope(registry) {
      const isOver = shareState() === 'ended'
      const hoped = { notBeforeMs: 0, isHoped: !isOver }
      for (const entry of entries) if (isOf(registry, entry)) Object.assign(entry, hoped)
      turns.wake(0)
    },
    hold(registry) {
      turns.suspend(entry => isOf(registry, entry))
    },
    busyChanged() {
      if (parts.isBusy()) turns.suspend()
      else turns.wake(quietMs)
    },
    stop: turns.stop,
  }
}

import type { Digest } from '../oci/digest.ts'
import { parsePlatform } from '../oci/platform.ts'
import type { NodeId } from '../ports/node-id.ts'
import type { WordBook } from '../ports/word-book.ts'
import type { ShareIndex } from './share-index.ts'
import type { WarmPart, WarmSource } from './warm-image.ts'
import { takesPart, type WarmJob } from './warm-job.ts'
import { partsOf } from './warm-progress.ts'
import { startWarmRun, type WarmRun, type WarmRunParts } from './warm-run.ts'
import { encodeShare, readShareKey, type Share, shareKey } from './warm-share.ts'

/** A part of one image of a job on this node. */
export interface LivePart {
  /** Place of the image in the job. */
  readonly image: number
  readonly part: WarmPart
  /** Here of it. */
  readonly bytes: number
}

/** This node's shares of all jobs. */
export interface WarmRunner {
  /** How the share is at this moment; `undefined` where this node has none, or has not begun. */
  share(job: string): Share | undefined
  /** What belongs to the images of a job, as far as it is known. */
  parts(job: string): readonly LivePart[]
  /** Images of all shares that have begun and not ended, those that failed not among them: the collection is to leave them alone. */
  wanted(): readonly Digest[]
  close(): Promise<void>
}

/** Whom the runner asks. */
export interface WarmRunnerParts
  extends Omit<WarmRunParts, 'agreed' | 'onChange' | 'isOurs' | 'heldUntilMs'> {
  readonly self: NodeId
  /**
   * The same where platforms are named: an image that is in no index is for what its config says. Without, it is fetched whole, as containerd
   * does.
   */
  readonly namedSource: WarmSource
  /** All jobs that are in force here, be they registers or derived on every node alike. */
  readonly jobs: () => readonly WarmJob[]
  readonly shares: WordBook
  /** What {@link WarmRunnerParts.shares} has. */
  readonly said: ShareIndex
  /** Whether an image is this node's to hold where so many copies are wanted. */
  readonly isOurs: WarmRunParts['isOurs']
  /** Calls back when jobs may have come or changed. */
  readonly onJobs: (listener: () => void) => () => void
  /** Calls back when other nodes may own what this one left to them. */
  readonly onMembers: (listener: () => void) => () => void
  /** After how many ms a node that is away is no longer counted on; `undefined`: none is away. */
  readonly nextLeaveMs: () => number | undefined
  /** Calls back when what could not be had from a registry may be there now; `isWhole`: it could not be reached at all. */
  readonly onHope: (listener: (registry: string, isWhole: boolean) => void) => () => void
  readonly onBusyChange: (listener: () => void) => () => void
}

/** Jobs at the same time; those that were made earlier go first. */
const maxRuns = 4
/** A change is told to other nodes with what else changes in this time, ms. */
const tellEveryMs = 1_000
/** It is looked so often although nothing is heard, ms. */
const everyMs = 60_000
/** Who leaves at this very moment is still there, ms. */
const leftMs = 500
/** A node that had no part in a job does not begin one that is as old as this, ms. */
const staleMs = 7 * 24 * 3_600_000

/**
 * Works on this node's shares until it is closed, and tells other nodes how they are.
 *
 * @param settings.settleMs how long it takes until nodes know which of them reach a registry, after a start and after an outage: who began
 * before would fetch what another one fetches, too. 0 for a node alone
 */
export function startWarmRunner(
  parts: WarmRunnerParts,
  settings: { readonly settleMs: number },
): WarmRunner {
  const { shares, said, self, clock, timers, log } = parts
  const beganMs = clock.monotonicMs()
  /** By registry, on the monotonic clock. */
  const heldUntilMs = new Map<string, number>()
  const runs = new Map<string, WarmRun>()
  const untold = new Set<string>()
  let cancelTell: (() => void) | undefined
  let cancelLook = () => {}
  let looking: Promise<void> | undefined
  let isNews = false
  let isClosed = false

  const jobOf = (id: string): WarmJob | undefined => parts.jobs().find(job => job.id === id)

  const ownShare = (job: WarmJob): Share | undefined => said.one(job, self)

  /** Whether there is something to do for it here. */
  function isOpen(job: WarmJob): boolean {
    if (job.cancelledAtMs !== undefined || !takesPart(job, self)) return false
    const share = ownShare(job)
    if (share === undefined) return parts.nowMs() - job.createdAtMs < staleMs
    return share.state !== 'ended' || hasInherited(job, share)
  }

  /** Something that was left to other nodes is this one's now, and none of them had it. */
  function hasInherited(job: WarmJob, { images }: Share): boolean {
    const { scope } = job
    if (scope.type !== 'copies') return false
    return images.some(({ state, digest }, at) => {
      if (state !== 'elsewhere') return false
      const agreed = agreedOn(job, at) ?? digest
      return agreed !== undefined && parts.isOurs(agreed, scope.copies)
    })
  }

  const agreedOn = (job: WarmJob, at: number): Digest | undefined => said.of(job).agreed[at]

  async function look(): Promise<void> {
    const jobs = parts.jobs().toSorted((a, b) => a.createdAtMs - b.createdAtMs)
    await endOver(jobs)
    for (const run of runs.values()) run.reconsider()
    for (const job of jobs) {
      if (isClosed || atWork() >= maxRuns) break
      if (!runs.has(job.id) && isOpen(job)) begin(job)
    }
    await forgetRemoved(jobs)
  }

  const atWork = (): number => [...runs.values()].filter(run => run.state() === 'running').length

  async function endOver(jobs: readonly WarmJob[]): Promise<void> {
    for (const [id, run] of [...runs]) {
      const job = jobs.find(one => one.id === id)
      const isSame = job?.createdAtMs === run.job.createdAtMs
      if (job === undefined || !isSame || !isOpen(job)) await end(id, run, job)
    }
  }

  function begin(job: WarmJob): void {
    const { id } = job
    const named = job.platforms?.map(parsePlatform).filter(platform => platform !== undefined)
    const before = ownShare(job)
    const run = startWarmRun(job, named ?? parts.platforms, before, {
      ...parts,
      source: named === undefined ? parts.source : parts.namedSource,
      heldUntilMs: registry => heldUntilMs.get(registry) ?? beganMs + settings.settleMs,
      agreed: at => agreedOn(job, at),
      onChange: () => changed(id),
    })
    runs.set(id, run)
    run.reconsider()
    log.info({ job: id, images: job.images.length }, 'a warm job has begun here')
    changed(id)
  }

  /** What it fetched may go again, unless something else keeps it. */
  async function end(id: string, run: WarmRun, job: WarmJob | undefined): Promise<void> {
    runs.delete(id)
    await run.stop()
    if (job === undefined || ownShare(job)?.state === 'ended') return
    const state = job.cancelledAtMs === undefined ? run.state() : 'cancelled'
    await say(id, { ...run.share(), state })
  }

  /** What was said of jobs that are no more. */
  async function forgetRemoved(jobs: readonly WarmJob[]): Promise<void> {
    const ids = new Set(jobs.map(({ id }) => id))
    for (const { key } of shares.list()) {
      const { job, node } = readShareKey(key)
      if (node === self && !ids.has(job)) await shares.lift(key, undefined)
    }
  }

  async function say(id: string, share: Share): Promise<void> {
    try {
      await shares.set(shareKey(id, self), { value: encodeShare(share) })
    } catch (err) {
      log.warn({ job: id, err }, 'how a warm job is was not written')
    }
  }

  function changed(id: string): void {
    untold.add(id)
    cancelTell ??= timers.after(tellEveryMs, tell)
  }

  function tell(): void {
    cancelTell = undefined
    const told = [...untold]
    untold.clear()
    const saying = told.flatMap(id => {
      const run = runs.get(id)
      return run === undefined ? [] : [say(id, run.share())]
    })
    // One that ended, or has nothing to do but wait, leaves its place to the next.
    void Promise.all(saying).then(soon)
  }

  function soon(): void {
    isNews = true
    if (looking !== undefined || isClosed) return
    cancelLook()
    looking = lookWhileNews().finally(() => {
      looking = undefined
      const leaveMs = (parts.nextLeaveMs() ?? everyMs) + leftMs
      if (!isClosed) cancelLook = timers.after(Math.min(everyMs, leaveMs), soon)
    })
  }

  async function lookWhileNews(): Promise<void> {
    while (isNews && !isClosed) {
      isNews = false
      await look().catch(err => log.warn({ err }, 'warm jobs were not looked at'))
    }
  }

  const each = (act: (run: WarmRun) => void): void => {
    for (const run of runs.values()) act(run)
  }

  /**
   * What is under way was begun when it was not to be had, and would now go on before its turn. A registry that comes and goes pushes no hold
   * out, and after each there is as long without one.
   */
  function hold(registry: string): void {
    const nowMs = clock.monotonicMs()
    const freeUntilMs = (heldUntilMs.get(registry) ?? Number.NEGATIVE_INFINITY) + settings.settleMs
    if (settings.settleMs === 0 || nowMs < freeUntilMs) return
    heldUntilMs.set(registry, nowMs + settings.settleMs)
    each(run => run.hold(registry))
  }

  const stopListening = [
    parts.onJobs(soon),
    parts.onMembers(soon),
    parts.onHope((registry, isWhole) => {
      if (isWhole) hold(registry)
      each(run => run.hope(registry))
    }),
    parts.onBusyChange(() => each(run => run.busyChanged())),
  ]
  soon()

  return {
    share(id) {
      const run = runs.get(id)
      if (run !== undefined) return run.share()
      const job = jobOf(id)
      return job && ownShare(job)
    },
    parts(id) {
      const run = runs.get(id)
      const images = run?.job.images ?? []
      const named = run?.job.platforms?.map(parsePlatform).filter(one => one !== undefined)
      return images.flatMap((_, image) =>
        partsOf(parts.source, run?.rootsOf(image) ?? [], named ?? parts.platforms).map(one => ({
          image,
          ...one,
        })),
      )
    },
    wanted: () => [...runs.values()].flatMap(run => run.wanted()),
    async close() {
      isClosed = true
      for (const stop of stopListening) stop()
      cancelTell?.()
      cancelLook()
      await looking
      // A share that stops with its node is not over: it goes on with the next start.
      for (const [id, run] of runs) {
        await run.stop()
        await say(id, run.share())
      }
    },
  }
}

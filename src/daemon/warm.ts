import type { OpenedLedger } from '../adapters/sqlite/open.ts'
import type { Config } from '../config/config.ts'
import { parseRecurrence } from '../config/recurrence.ts'
import type { JobParts } from '../http/admin/jobs.ts'
import type { ScheduleParts } from '../http/admin/schedules.ts'
import { askShare, createShareAnswer, type LiveShare, shareSubject } from '../keep/ask-share.ts'
import { dismissedRuns, withRuns } from '../keep/dismissed-runs.ts'
import { createShareIndex } from '../keep/share-index.ts'
import { decodeJob, type WarmJob } from '../keep/warm-job.ts'
import { createWarmJobs, type JobTerms } from '../keep/warm-jobs.ts'
import { startWarmRunner } from '../keep/warm-runner.ts'
import { createWarmSchedules } from '../keep/warm-schedules.ts'
import { createWarmViews } from '../keep/warm-views.ts'
import type { Repository } from '../oci/reference.ts'
import type { Clock } from '../ports/clock.ts'
import { derived } from '../ports/derived.ts'
import type { Log } from '../ports/log.ts'
import { mayReach } from '../ports/members.ts'
import type { Mode } from '../ports/mode.ts'
import { stopAll } from '../ports/stop-all.ts'
import { systemTimers } from '../ports/timers.ts'
import type { WordBook } from '../ports/word-book.ts'
import type { Content } from './content.ts'
import { holdingMesh, onOthers } from './keep-mesh.ts'
import type { JoinedMesh } from './mesh.ts'
import { operatorVoice } from './operator.ts'
import type { Pull } from './resolution.ts'
import { openSchedules } from './schedules.ts'
import type { Upstreams } from './upstreams.ts'
import { wireWarmSource } from './warm-source.ts'

/** Jobs that were said on any node and are understood here; the same list until one of them changes. */
const listJobs = (words: Pick<WordBook, 'list'>): (() => readonly WarmJob[]) =>
  derived(words.list, said => said.map(decodeJob).filter(job => job !== undefined))

/** Warm jobs as the faces have them. */
export type Warm = Pick<JobParts, 'warmJobs' | 'warmViews'> & ScheduleParts

/** What a node says of the registries that it reaches is with all others after this, ms. */
const settleMs = 7_000
/** What is known to be down for so long is not merely late, ms. */
const awayMs = 5_000
/** How often jobs that have been over for long are let go of, ms. */
const tidyEveryMs = 3_600_000

/** Has this node do its share of warm jobs, and tell of all. */
export function openWarm(
  config: Config,
  parts: {
    readonly database: OpenedLedger
    readonly content: Content
    readonly upstreams: Pick<Upstreams, 'upstream'>
    readonly pull: Pull
    readonly mesh: JoinedMesh | undefined
    readonly mode: () => Mode
    readonly clock: Clock
    readonly log: Log
  },
  owned: AsyncDisposableStack,
): Warm {
  const { database, content, upstreams, pull, mesh, clock, log } = parts
  const { warmWords, shareWords, ledger } = database
  const { self, members, present, ownersOf } = holdingMesh(config, parts)
  const said = listJobs(warmWords)
  const dismissed = derived(warmWords.list, dismissedRuns)
  const shares = createShareIndex(shareWords)
  const schedules = openSchedules(
    config,
    { ...parts, self, members, isAtWork: job => runner.share(job)?.state === 'running' },
    owned,
  )
  const isReachedHere = (repository: Repository) =>
    parts.mode() !== 'offline' && upstreams.upstream.reach(repository).state === 'reachable'
  const isForOthers = (repository: Repository): boolean =>
    !isReachedHere(repository) &&
    members.alive().some(member => mayReach(member, repository.registry))
  const isAway = (repository: Repository): boolean => {
    if (parts.mode() === 'offline') return true
    const reach = pull.reachOf(repository)
    const isDown = reach.state === 'down' && clock.wallMs() - reach.sinceMs >= awayMs
    return isDown && !isForOthers(repository)
  }
  const sourceParts = {
    ledger,
    pull,
    content,
    mesh: mesh?.forPull,
    isAway,
    isForOthers,
  }
  const runner = startWarmRunner(
    {
      self,
      jobs: () => withRuns(said(), schedules.ownRuns(), dismissed()),
      onJobs: listener => stopAll(warmWords.onChange(listener), schedules.onRuns(listener)),
      shares: shareWords,
      said: shares,
      source: wireWarmSource(sourceParts, content.completeness),
      namedSource: wireWarmSource(sourceParts, content.startable),
      platforms: config.platforms,
      isOurs: (digest, copies) => ownersOf(copies).isOurs(digest),
      isBusy: pull.blobs.isBusy,
      onBusyChange: pull.blobs.onBusyChange,
      onMembers: listener => onOthers(members, listener),
      nextLeaveMs: present.nextLeaveMs,
      onHope: listener =>
        upstreams.upstream.onRecovered((registry, repository) =>
          listener(registry, repository === undefined),
        ),
      nowMs: ledger.trustedNowMs,
      clock,
      timers: systemTimers,
      log,
    },
    { settleMs: mesh === undefined ? 0 : settleMs },
  )
  owned.defer(() => runner.close())
  content.protection.warmBy(runner.wanted)
  const own = (job: string, withParts: boolean): LiveShare | undefined => {
    const share = runner.share(job)
    return share && { share, parts: withParts ? runner.parts(job) : [] }
  }
  mesh?.answer(new Map([[shareSubject, createShareAnswer(own)]]))
  const warmViews = createWarmViews({
    self: { id: self, name: config.node.name },
    members,
    present: present.alive,
    said: shares,
    ownersOf: (digest, copies) => ownersOf(copies).all(digest),
    own,
    askOther: async (id, job, withParts, signal) =>
      mesh && askShare(mesh.forPull.client, id, job, withParts, signal),
    nowMs: ledger.trustedNowMs,
  })
  const { isOperator, storeCopies } = operatorVoice(mesh)
  const storeOnOthers = (key: string, { copies, signal }: JobTerms) =>
    storeCopies('warm', key, copies, signal)
  const warmJobs = createWarmJobs({
    jobs: () => withRuns(said(), [...schedules.ownRuns(), ...schedules.othersRuns()], dismissed()),
    said,
    words: warmWords,
    dismissed,
    schedules,
    isOver: job => !['running', 'waiting'].includes(warmViews.view(job).state),
    isOperator,
    storeOnOthers,
    nowMs: ledger.trustedNowMs,
  })
  const warmSchedules = createWarmSchedules({
    schedules: schedules.list,
    words: warmWords,
    parse: parseRecurrence,
    isOperator,
    storeOnOthers,
  })
  const tidying = setInterval(() => {
    warmJobs.tidy().catch(err => log.warn({ err }, 'old warm jobs were not let go of'))
  }, tidyEveryMs).unref()
  owned.defer(() => clearInterval(tidying))
  return { warmJobs, warmViews, warmSchedules, nextRunMs: schedules.nextMs }
}

import type { OpenedLedger } from '../adapters/sqlite/open.ts'
import type { Config } from '../config/config.ts'
import { parseRecurrence } from '../config/recurrence.ts'
import type { JobParts } from '../http/admin/jobs.ts'
import type { ScheduleParts } from '../http/admin/schedules.ts'
import { askShare, createShareAnswer, type LiveShare, shareSubject } from '../keep/ask-share.ts'
import { dismissedRuns, withRuns } from '../keep/dismissed-runs.ts'
import { createShareIndex } from '../keep/share-index.ts'
import type { Hindrance, WarmSource } from '../keep/warm-image.ts'
import { decodeJob, type WarmJob } from '../keep/warm-job.ts'
import { createWarmJobs, type JobTerms } from '../keep/warm-jobs.ts'
import { startWarmRunner } from '../keep/warm-runner.ts'
import { createWarmSchedules } from '../keep/warm-schedules.ts'
import { createWarmViews } from '../keep/warm-views.ts'
import { formatRepository, type Repository, type TagReference } from '../oci/reference.ts'
import type { Clock } from '../ports/clock.ts'
import { derived } from '../ports/derived.ts'
import type { Log } from '../ports/log.ts'
import { mayReach } from '../ports/members.ts'
import type { Mode } from '../ports/mode.ts'
import { stopAll } from '../ports/stop-all.ts'
import { systemTimers } from '../ports/timers.ts'
import type { WordBook } from '../ports/word-book.ts'
import { type Absent, isAbsent } from '../pull/absent.ts'
import { imageParts } from '../pull/image-parts.ts'
import { createPlatformStates } from '../pull/platform-states.ts'
import type { Content } from './content.ts'
import { holdingMesh, onOthers } from './keep-mesh.ts'
import type { JoinedMesh } from './mesh.ts'
import { operatorVoice } from './operator.ts'
import type { Pull } from './resolution.ts'
import { openSchedules } from './schedules.ts'
import type { Upstreams } from './upstreams.ts'

/** Where a warm job's images come from on this node. */
function wireSource(
  pull: Pick<Pull, 'resolveTag' | 'manifests' | 'blobs' | 'listReferrers'>,
  { graph, completeness, store, collector, keepsContent, imagePlatforms, startable }: Content,
  /** Other nodes reach a registry, and this one does not. */
  isForOthers: (repository: Repository) => boolean,
): WarmSource {
  const platformStates = createPlatformStates({ graph, imagePlatforms, startable })
  return {
    async resolve(key, signal) {
      // Of what it names this node's share may be none, and what is its share is fetched in the job's turn.
      const options = { asking: 'explain', leavesRest: true, signal } as const
      const answer = await pull.resolveTag(key, options)
      const isSaidNow = answer.found && (answer.fresh || ['pin', 'peer'].includes(answer.source))
      if (isSaidNow) return answer.digest
      const hindrance = answer.found ? undefined : hindranceOf(answer.reason, answer.failure)
      if (hindrance?.isFinal) return hindrance
      return { reason: tellNotNow(key, answer.reason), isFinal: false }
    },
    parts: (image, platforms) => imageParts(graph, image, platforms),
    missing: (image, platforms) => completeness.missing(image, platforms),
    isComplete: completeness.isComplete,
    platformsOf: image => platformStates(image, []).map(({ platform }) => platform),
    async fetch(repository, { digest, kind }, signal) {
      if (!keepsContent) return { reason: 'this node keeps no content of its own', isFinal: true }
      const { manifests, blobs } = pull
      const failure =
        kind === 'manifest'
          ? await manifests.fetch(repository, digest, signal)
          : await blobs.fetch(repository, digest, signal)
      await imagePlatforms.settled() // a config tells whether its layers are wanted
      return failure && toHindrance(failure)
    },
    async referrers(repository, image, signal) {
      const listed = await pull.listReferrers(repository, image, signal)
      const digests = isAbsent(listed) ? [] : listed.descriptors.map(({ digest }) => digest)
      if (!isAbsent(listed) && listed.source === 'upstream') return { digests, unasked: undefined }
      const name = formatRepository(repository)
      const hindrance = isAbsent(listed)
        ? toHindrance(listed)
        : { reason: `${name} does not say now what refers to ${image}`, isFinal: false }
      if (hindrance.isFinal || !isForOthers(repository)) return hindrance
      return { digests, unasked: tellUnasked(name) }
    },
    bytesHere: digest => store.stat(digest)?.size ?? store.partial(digest),
    isFull: collector.refuses,
  }
}

/** The registry is away, or not to be asked. */
const tellNotNow = ({ registry, repository, tag }: TagReference, why: string): string =>
  `${registry} does not say now what ${repository}:${tag} stands for (${why})`

const tellUnasked = (repository: string): string =>
  `what refers to it could not be asked: this node does not reach ${repository}, others do; warm it again where it does`

const toHindrance = ({ reason, failure }: Absent): Hindrance => hindranceOf(reason, failure)

/** A denial and a 404 are answers, as is what no registry has a part in; all else may pass. */
function hindranceOf(reason: string, failure: Absent['failure']): Hindrance {
  const isFinal = failure === undefined || failure === 'denied' || failure === 'not-found'
  return { reason, isFinal }
}

/** Jobs that were said on any node and are understood here; the same list until one of them changes. */
const listJobs = (words: Pick<WordBook, 'list'>): (() => readonly WarmJob[]) =>
  derived(words.list, said => said.map(decodeJob).filter(job => job !== undefined))

/** Warm jobs as the faces have them. */
export type Warm = Pick<JobParts, 'warmJobs' | 'warmViews'> & ScheduleParts

/** What a node says of the registries that it reaches is with all others after this, ms. */
const settleMs = 7_000
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
  const source = wireSource(
    pull,
    content,
    repository =>
      !isReachedHere(repository) &&
      members.alive().some(member => mayReach(member, repository.registry)),
  )
  const { missing, isComplete } = content.startable
  const runner = startWarmRunner(
    {
      self,
      jobs: () => withRuns(said(), schedules.ownRuns(), dismissed()),
      onJobs: listener => stopAll(warmWords.onChange(listener), schedules.onRuns(listener)),
      shares: shareWords,
      said: shares,
      source,
      namedSource: { ...source, missing, isComplete },
      platforms: config.platforms,
      isOurs: (digest, copies) => ownersOf(copies).isOurs(digest),
      isBusy: pull.blobs.isBusy,
      onBusyChange: pull.blobs.onBusyChange,
      protect: content.warming.add,
      release: content.warming.remove,
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

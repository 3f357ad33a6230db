import { createOneByOne } from '../ports/one-by-one.ts'
import type { WordBook } from '../ports/word-book.ts'
import { dismissal } from './dismissed-runs.ts'
import { mustBeOperator, Refusal, type Stored } from './operator-word.ts'
import { encodeJob, isJobId, isSameTask, type WarmJob, type WarmTask } from './warm-job.ts'
import { readRunId } from './warm-schedule.ts'

/** What a change did to a job. */
export interface JobChange {
  readonly before: WarmJob | undefined
  /** Absent: it is no longer listed. */
  readonly after: WarmJob | undefined
  readonly stored: Stored
}

/** How a change is made. */
export interface JobTerms {
  /** Nodes that are to have stored it before it is acknowledged, this one among them. */
  readonly copies: number
  readonly signal: AbortSignal
}

/** Has images fetched by the nodes that are to have them. */
export interface WarmJobs {
  /** Newest first. */
  list(): readonly WarmJob[]
  find(id: string): WarmJob | undefined
  /** Says the same again without a change. Throws {@link Refusal}; rejects with `ledger-unusable`. */
  put(
    id: string,
    task: WarmTask,
    details: { readonly note: string | undefined; readonly author: string | undefined },
    terms: JobTerms,
  ): Promise<JobChange>
  /** Calls a job off; one that is over is no longer listed. As {@link WarmJobs.put}. */
  cancel(id: string, by: string | undefined, terms: JobTerms): Promise<JobChange>
  /** Lets go of jobs that have been over for long. Rejects with `ledger-unusable`. */
  tidy(): Promise<void>
}

/** Jobs that are listed at the most, running or over. */
const maxJobs = 100
const dayMs = 24 * 3_600_000
/** A job that is over is listed for so long after it was made, ms; any job for {@link maxAgeMs}. */
const overMs = 7 * dayMs
const maxAgeMs = 30 * dayMs

/** Jobs of this node's ledger. Changes are made one after another: each sees what the one before left. */
export function createWarmJobs(parts: {
  /** All jobs, those that nodes work out by themselves among them. */
  readonly jobs: () => readonly WarmJob[]
  /** Those that operators said. */
  readonly said: () => readonly WarmJob[]
  readonly words: Pick<WordBook, 'set' | 'lift'>
  /** Ids of runs that are no longer listed. */
  readonly dismissed: () => ReadonlySet<string>
  /** What nodes work out by themselves. */
  readonly schedules: {
    /** Whether nodes have this run whatever is said of it. */
    readonly isRun: (id: string) => boolean
    /** Whether it may be the last that a node has of its schedule. */
    readonly isNewest: (id: string) => boolean
  }
  /** Whether every node's share came to an end. */
  readonly isOver: (job: WarmJob) => boolean
  readonly isOperator: () => boolean
  /** Has other nodes store what this one says of a job. */
  readonly storeOnOthers: (id: string, terms: JobTerms) => Promise<Stored>
  readonly nowMs: () => number
}): WarmJobs {
  const { words, nowMs } = parts
  const inTurn = createOneByOne()
  let madeAtMs = 0
  const newestFirst = (jobs: readonly WarmJob[]): readonly WarmJob[] =>
    jobs.toSorted((a, b) => b.createdAtMs - a.createdAtMs || (a.id < b.id ? -1 : 1))
  const find = (id: string): WarmJob | undefined => parts.jobs().find(job => job.id === id)

  async function write(job: WarmJob): Promise<void> {
    const { note, author } = job
    await words.set(job.id, { note, author, value: textOf(job) })
  }

  /** Lists it no longer. A run that nobody said anything of would be as if it had just been due. */
  const leave = (id: string, by: string | undefined): Promise<void> =>
    parts.schedules.isRun(id) ? words.set(id, { author: by, value: dismissal }) : words.lift(id, by)

  const ageMs = (atMs: number): number => nowMs() - atMs

  function isForgettable(id: string): boolean {
    const { isRun, isNewest } = parts.schedules
    const isOld = ageMs(readRunId(id)?.dueMs ?? 0) > maxAgeMs
    return !isRun(id) || (isOld && !isNewest(id))
  }

  async function makeRoom(): Promise<void> {
    const jobs = newestFirst(parts.said())
    if (jobs.length < maxJobs) return
    const oldest = jobs.toReversed().find(parts.isOver)
    if (oldest !== undefined) return leave(oldest.id, undefined)
    throw new Refusal(
      'too-many',
      `${jobs.length} jobs are not over: wait for some, or call them off with \`holdfast cancel ID\``,
    )
  }

  async function make(job: WarmJob): Promise<void> {
    textOf(job)
    await makeRoom()
    await write(job)
  }

  /** Tells what became of a job, once that is durable on as many nodes as were asked for. */
  async function change(
    id: string,
    terms: JobTerms,
    say: (before: WarmJob | undefined) => Promise<void>,
  ): Promise<JobChange> {
    const did = await inTurn(async () => {
      mustBeOperator(parts.isOperator)
      const before = find(id)
      await say(before)
      return { before, after: find(id) }
    })
    return { ...did, stored: await parts.storeOnOthers(id, terms) }
  }

  /** One that is made after another has a later time, by which the nodes' shares of both are told apart. */
  function timeOfMaking(): number {
    madeAtMs = Math.max(nowMs(), madeAtMs + 1)
    return madeAtMs
  }

  async function letGo(): Promise<void> {
    const isOld = (job: WarmJob): boolean => {
      const age = ageMs(job.createdAtMs)
      return age > maxAgeMs || (age > overMs && parts.isOver(job))
    }
    for (const { id } of newestFirst(parts.said()).filter(isOld)) await leave(id, undefined)
    for (const id of parts.dismissed()) if (isForgettable(id)) await words.lift(id, undefined)
  }

  return {
    list: () => newestFirst(parts.jobs()),
    find,
    put: (id, task, { note, author }, terms) =>
      change(id, terms, async before => {
        if (!isJobId(id)) {
          throw new Refusal('no-id', `${JSON.stringify(id)} can name no job: write a-z, 0-9, . _ -`)
        }
        if (before !== undefined && !isSameTask(before, task)) {
          throw new Refusal(
            'taken',
            `job ${id} is another one already: \`holdfast jobs ${id}\` shows it; give this one another id`,
          )
        }
        if (before !== undefined) return
        const createdAtMs = timeOfMaking()
        await make({ id, ...task, createdAtMs, note, author, cancelledAtMs: undefined })
      }),
    cancel: (id, by, terms) =>
      change(id, terms, async before => {
        if (before === undefined) throw new Refusal('nothing', unknownJob(id))
        if (before.cancelledAtMs !== undefined || parts.isOver(before)) await leave(id, by)
        else await write({ ...before, cancelledAtMs: nowMs() })
      }),
    async tidy() {
      if (parts.isOperator()) await inTurn(letGo)
    },
  }
}

/** What to say where there is no such job. */
export const unknownJob = (id: string): string =>
  `no job is called ${JSON.stringify(id)}; \`holdfast jobs\` lists them`

function textOf(job: WarmJob): string {
  const text = encodeJob(job)
  if (text !== undefined) return text
  throw new Refusal(
    'too-long',
    `the names of ${job.images.length} images are too long for one job, which every node has to be told of: make two of it`,
  )
}

import type { WarmJob } from '../../keep/warm-job.ts'
import { type JobChange, unknownJob, type WarmJobs } from '../../keep/warm-jobs.ts'
import type { WarmViews } from '../../keep/warm-views.ts'
import { hasChanged } from './describe.ts'
import { describeJob, describeNode, describeTask, namedImages } from './describe-job.ts'
import type { KnownNodes } from './find-node.ts'
import type { JobAnswer, JobChangeAnswer, JobsAnswer } from './job-contract.ts'
import { createSendEvents } from './job-events.ts'
import type { AddOperation } from './operation.ts'
import { operations } from './operations.ts'
import { ProblemError } from './problem.ts'
import { QueryFault } from './read-query.ts'
import { createReadTask } from './read-task.ts'
import type { ReportSource } from './report.ts'
import { wordTerms } from './word-terms.ts'

/** The longest that somebody waits for what other nodes say, ms. */
const askWithinMs = 5_000

/** Where a job is in the list, also once it is gone: newer ones come first, of those of one time by their ids. */
type Place = Pick<WarmJob, 'createdAtMs' | 'id'>

const placeOf = ({ createdAtMs, id }: Place): string => `${createdAtMs}-${id}`

/** Throws {@link QueryFault}. */
function readPlace(text: string): Place {
  const [, createdAtMs, id = ''] = /^(\d{1,16})-(.+)$/.exec(text) ?? []
  if (createdAtMs !== undefined) return { createdAtMs: Number(createdAtMs), id }
  throw new QueryFault(`after: ${JSON.stringify(text)} is no \`next\` of a page of jobs`)
}

const isBehind = (job: WarmJob, place: Place): boolean =>
  job.createdAtMs === place.createdAtMs ? job.id > place.id : job.createdAtMs < place.createdAtMs

/** What the operations on warm jobs ask. */
export interface JobParts {
  readonly warmJobs: WarmJobs
  readonly warmViews: WarmViews
  /** Tells what is kept, and what pods run. */
  readonly report: Pick<ReportSource, 'keepSet' | 'running'>
  readonly nodes: KnownNodes
}

/** Adds what concerns warm jobs. */
export function addJobs(
  add: AddOperation,
  {
    warmJobs,
    warmViews,
    report,
    nodes,
    asOf,
  }: JobParts & { readonly asOf: () => { readonly node: string; readonly asOf: string } },
): void {
  const readTask = createReadTask({ report, nodes })

  function mustFind(id: string): WarmJob {
    const job = warmJobs.find(id)
    if (job === undefined) throw new ProblemError(404, unknownJob(id))
    return job
  }

  add(operations.jobs, ({ query: { after, limit } }) => {
    const place = after === undefined ? undefined : readPlace(after)
    const left = warmJobs.list().filter(job => place === undefined || isBehind(job, place))
    const page = left.slice(0, limit)
    const last = limit < left.length ? page.at(-1) : undefined
    return {
      ...asOf(),
      items: page.map(one => describeJob(warmViews.view(one))),
      ...(last !== undefined && { next: placeOf(last) }),
    } satisfies JobsAnswer
  })

  add(operations.job, async ({ path, query }) => {
    const job = mustFind(path['id'] ?? '')
    const signal = AbortSignal.timeout(askWithinMs)
    const view = await warmViews.ask(job, query.parts, signal)
    return {
      ...asOf(),
      ...describeJob(view),
      nodes: view.nodes.map(node => describeNode(job, node, query.parts)),
    } satisfies JobAnswer
  })

  const sendEvents = createSendEvents(async id => {
    const job = warmJobs.find(id)
    return job && warmViews.ask(job, false, AbortSignal.timeout(askWithinMs))
  })

  add(operations.jobEvents, ({ path, ...asked }) => {
    const { id } = mustFind(path['id'] ?? '')
    return sendEvents(id, { ...asked, mediaType: operations.jobEvents.answer.bytes })
  })

  add(operations.putJob, async ({ path, query, body, caller, audit }) => {
    const id = path['id'] ?? ''
    audit({ subject: id })
    const task = await readTask(body)
    const details = { note: body.note, author: body.author ?? caller }
    const change = await warmJobs.put(id, task, details, wordTerms(query.copies))
    audit({ subject: id, ...noteOf(change) })
    return tell(change)
  })

  add(operations.deleteJob, async ({ path, query, caller, audit }) => {
    const { id } = mustFind(path['id'] ?? '')
    audit({ subject: id })
    const change = await warmJobs.cancel(id, caller, wordTerms(query.copies))
    audit({ subject: id, ...noteOf(change) })
    return tell(change)
  })

  function tell(change: JobChange): JobChangeAnswer {
    const { before, after, stored } = change
    const job = after ?? before
    if (job === undefined) throw new Error('a job was written and is not there')
    return {
      ...asOf(),
      ...describeTask(job),
      removed: after === undefined,
      changed: hasChanged(change),
      storedOn: stored,
    }
  }
}

/** As the audit log has it. */
function noteOf({ before, after }: JobChange): {
  readonly before?: object
  readonly after?: object
} {
  const told = (job: WarmJob) => ({ ...describeTask(job), images: namedImages(job.images) })
  return { ...(before && { before: told(before) }), ...(after && { after: told(after) }) }
}

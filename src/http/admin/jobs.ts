import { maxWarmImages, type WarmJob, type WarmScope, type WarmTask } from '../../keep/warm-job.ts'
import { unknownJob, type WarmJobs } from '../../keep/warm-jobs.ts'
import type { JobView, WarmViews } from '../../keep/warm-views.ts'
import { formatPlatform, parsePlatform } from '../../oci/platform.ts'
import { formatReference, parseReference } from '../../oci/reference.ts'
import type { NodeId } from '../../ports/node-id.ts'
import { describeJob, describeNode, describeTask } from './describe-job.ts'
import { findNode, type KnownNodes } from './find-node.ts'
import type { JobAnswer, JobBody, JobChangeAnswer, JobsAnswer } from './job-contract.ts'
import { sendEvents } from './job-events.ts'
import type { AddOperation } from './operation.ts'
import { operations } from './operations.ts'
import { ProblemError } from './problem.ts'
import { QueryFault } from './read-query.ts'
import type { ReportSource } from './report.ts'

/** The longest that somebody waits for copies, ms. */
const withinMs = 30_000
/** The longest that somebody waits for what other nodes say, ms. */
const askWithinMs = 5_000

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
  function mustFind(id: string): WarmJob {
    const job = warmJobs.find(id)
    if (job === undefined) throw new ProblemError(404, unknownJob(id))
    return job
  }

  add(operations.jobs, ({ query: { after, limit } }) => {
    const all = warmJobs.list()
    const start = after === undefined ? 0 : all.findIndex(({ id }) => id === after) + 1
    if (after !== undefined && start === 0) throw new QueryFault(`after: ${unknownJob(after)}`)
    const page = all.slice(start, start + limit)
    const last = start + limit < all.length ? page.at(-1) : undefined
    return {
      ...asOf(),
      items: page.map(one => describeJob(warmViews.view(one))),
      ...(last !== undefined && { next: last.id }),
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

  add(operations.jobEvents, ({ path, request, reply }) => {
    const { id } = mustFind(path['id'] ?? '')
    const look = async (signal: AbortSignal): Promise<JobView | undefined> => {
      const job = warmJobs.find(id)
      return job && warmViews.ask(job, false, signal)
    }
    return sendEvents(look, { request, reply, mediaType: operations.jobEvents.answer.bytes })
  })

  add(operations.putJob, async ({ path, query, body, caller, audit }) => {
    const id = path['id'] ?? ''
    audit({ subject: id })
    const task = await readTask(body)
    const details = { note: body.note, author: body.author ?? caller }
    const change = await warmJobs.put(id, task, details, terms(query.copies))
    audit({ subject: id, before: change.before, after: change.after })
    return tell(change)
  })

  add(operations.deleteJob, async ({ path, query, caller, audit }) => {
    const { id } = mustFind(path['id'] ?? '')
    audit({ subject: id })
    const change = await warmJobs.cancel(id, caller, terms(query.copies))
    audit({ subject: id, before: change.before, after: change.after })
    return tell(change)
  })

  function tell({ before, after, stored }: Awaited<ReturnType<WarmJobs['put']>>): JobChangeAnswer {
    const job = after ?? before
    if (job === undefined) throw new Error('a job was written and is not there')
    return {
      ...asOf(),
      ...describeTask(job),
      removed: after === undefined,
      storedOn: stored,
    }
  }

  async function readTask(body: JobBody): Promise<WarmTask> {
    const { concurrency, referrers } = body
    const platforms = body.platforms?.map(readPlatform)
    return { images: await imagesOf(body), platforms, scope: scopeOf(body), concurrency, referrers }
  }

  async function imagesOf({ images, from }: JobBody): Promise<readonly string[]> {
    if (from === undefined) {
      const named = images.map(text => formatReference(parseReference(text)))
      if (named.length > 0) return [...new Set(named)]
      throw new QueryFault('images: name some, or say from what they are to be taken')
    }
    if (images.length > 0) throw new QueryFault('from: name images, or where they are from')
    const found = await listOf(from)
    if (found.length === 0) throw new ProblemError(409, nothingThere[from])
    if (found.length > maxWarmImages) throw new ProblemError(409, tooMany)
    return found
  }

  /** One more than may be, at the most, so that too many are noticed. */
  async function listOf(from: 'keep' | 'running'): Promise<readonly string[]> {
    const names =
      from === 'keep'
        ? (await report.keepSet(maxWarmImages + 1)).map(({ key }) => formatReference(key))
        : (await report.running(AbortSignal.timeout(askWithinMs))).images.map(({ name }) => name)
    const texts = names.map(text => formatReference(parseReference(text)))
    return [...new Set(texts)].slice(0, maxWarmImages + 1)
  }

  function scopeOf({ nodes: words, copies }: JobBody): WarmScope {
    if (words !== undefined && copies !== undefined) {
      throw new QueryFault('copies: name nodes, or how many are to have it')
    }
    if (copies !== undefined) return { type: 'copies', copies }
    if (words === undefined) return { type: 'all' }
    const found = new Map<NodeId, string>()
    for (const word of words) {
      const node = findNode(word, nodes)
      found.set(node.isSelf ? nodes.self.id : node.member.id, node.name)
    }
    return { type: 'nodes', nodes: [...found].map(([id, name]) => ({ id, name })) }
  }
}

const nothingThere = {
  keep: 'nothing is kept or pinned: `holdfast keep PATTERN` says what is',
  running: 'no pods are known to run: is containerd configured, and do pods run?',
} as const

const tooMany = `they are more than ${maxWarmImages} images, too many for one job: name some of them`

function readPlatform(text: string): string {
  const platform = parsePlatform(text)
  if (platform !== undefined) return formatPlatform(platform)
  throw new QueryFault(`platforms: ${JSON.stringify(text)} is none; write linux/arm64`)
}

const terms = (copies: number) => ({ copies, signal: AbortSignal.timeout(withinMs) })

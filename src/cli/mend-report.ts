import { setTimeout as pause } from 'node:timers/promises'
import type { AdminApi } from './admin-api.ts'
import type { CommandContext } from './command.ts'
import type { JobAnswer } from './job-answers.ts'
import { jobLines, onlyAwayLeft, progressOf } from './job-words.ts'
import { printAside } from './print.ts'
import type { ReportAnswer } from './report-answers.ts'
import { imagesOf, sizeOf } from './report-cures.ts'
import type { Failed } from './report-failed.ts'
import { tellWhole } from './report-words.ts'
import type { Line } from './table.ts'
import { howToGoOn, makeJob, newJobId, watchJob } from './watch-job.ts'

/** A job that stands still for so long waits for what may be away for days, ms. */
const stillMs = 30_000
/** What a node has just stored the others know of within this time, ms; they are asked anew after each `lookEveryMs`. */
const hearWithinMs = 5_000
const lookEveryMs = 500

/**
 * Has nodes fetch what a report says can be fetched, and reports anew once they have. All but that report goes to standard error. What may be
 * fetched of none is the report itself. `failed` is what they could not fetch.
 */
export async function mendReport(
  first: ReportAnswer,
  report: () => Promise<ReportAnswer>,
  { api, context }: { readonly api: AdminApi; readonly context: CommandContext },
): Promise<{ readonly answer: ReportAnswer; readonly failed: Failed }> {
  const { mend } = first
  if (mend == null) return { answer: first, failed: new Map() }
  const { terminal } = context
  const tell = (lines: readonly Line[]): void => printAside(context, lines)
  const { images, nodes, copies, referrers } = mend.job
  tell([tellWhole(first), `fetching ${imagesOf(images.length)}${sizeOf(mend)}`])
  const id = newJobId()
  const scope = nodes == null ? { copies: copies ?? undefined } : { nodes }
  await makeJob(api, id, {
    images,
    ...scope,
    referrers: referrers ?? undefined,
    note: 'holdfast report --mend',
  })
  const { job, isLeft } = await watchJob(api, id, terminal, { stillMs })
  if (job.state === 'failed') tell([...jobLines(job), ''])
  else if (job.state !== 'done') tell([tellLeft(job, isLeft), howToGoOn(id), ''])
  const answer = await untilReady(report, job.state === 'done' ? hearWithinMs : 0)
  return { answer, failed: failedIn(job) }
}

/** The first reason for each; nodes that wait may have it yet. */
function failedIn({ nodes }: JobAnswer): Failed {
  const failed = nodes.flatMap(({ images }) => images.filter(({ state }) => state === 'failed'))
  return new Map(failed.toReversed().map(({ reference, reason }) => [reference, reason ?? '']))
}

function tellLeft(job: JobAnswer, isLeft: boolean): string {
  const why = isLeft ? job.waitsFor : `${onlyAwayLeft(job).join(', ')} to come back`
  return `job ${job.id} has ${progressOf(job)}${why == null ? '' : `, and waits for ${why}`}`
}

/** The first report that is ready, or else the last one within a time. */
async function untilReady(
  report: () => Promise<ReportAnswer>,
  withinMs: number,
): Promise<ReportAnswer> {
  for (let leftMs = withinMs; ; leftMs -= lookEveryMs) {
    const answer = await report()
    if (answer.verdict === 'ready' || leftMs <= 0) return answer
    await pause(lookEveryMs)
  }
}

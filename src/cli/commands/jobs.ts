import { findAdmin } from '../admin-address.ts'
import { createAdminApi } from '../admin-api.ts'
import type { RunCommand } from '../command.ts'
import { CommandFailure } from '../command-failure.ts'
import { type JobsAnswer, jobsAnswer } from '../job-answers.ts'
import { exitCodeOf, jobLines, progressOf, scopeOf } from '../job-words.ts'
import { formatAge, print } from '../print.ts'
import { columns, type Line } from '../table.ts'
import { askJob, watchJob } from '../watch-job.ts'

/** `holdfast jobs [ID]` */
export const run: RunCommand = async context => {
  const { words, options, terminal } = context
  const [id] = words
  const watches = options['follow'] !== undefined
  if (id === undefined && watches) {
    throw new CommandFailure('usage', '--follow wants a job: `holdfast jobs` lists them')
  }
  if (watches && options['watch'] !== undefined) {
    throw new CommandFailure('usage', '--follow and --watch exclude each other')
  }
  const api = createAdminApi(await findAdmin(context))
  if (id === undefined) {
    const answer = await api.get('/api/v1/jobs', { limit: 100 }, jobsAnswer)
    print(context, answer, () => lines(answer))
    return 'ok'
  }
  const job = watches ? (await watchJob(api, id, terminal)).job : await askJob(api, id)
  print(context, job, () => jobLines(job))
  return exitCodeOf(job)
}

function lines({ items, asOf }: JobsAnswer): readonly Line[] {
  if (items.length === 0) return ['no job is listed; `holdfast warm IMAGE…` makes one']
  const now = Date.parse(asOf)
  const rows = items.map(job => [
    job.id,
    job.state,
    progressOf(job),
    job.failed > 0 ? `${job.failed} failed` : '',
    scopeOf(job),
    `${formatAge((now - Date.parse(job.createdAt)) / 1000)} ago`,
    job.waitsFor ?? job.note ?? '',
  ])
  return columns([['JOB', 'STATE', 'PROGRESS', '', 'FOR', 'MADE', 'NOTE'], ...rows])
}

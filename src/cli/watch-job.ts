import { randomBytes } from 'node:crypto'
import { setTimeout as pause } from 'node:timers/promises'
import type { AdminApi } from './admin-api.ts'
import type { Terminal } from './command.ts'
import { type JobAnswer, type JobChangeAnswer, jobAnswer, jobChangeAnswer } from './job-answers.ts'
import { isOver, onlyAwayLeft, progressOf } from './job-words.ts'

/** How often it is looked how far a job is, ms. */
const everyMs = 1_000
/** Nodes that are away for a moment are waited for, ms. */
const awayMs = 5_000
const barWidth = 24

const pathOf = (id: string): string => `/api/v1/jobs/${encodeURIComponent(id)}`

/** A name that no other job has. */
export const newJobId = (): string => randomBytes(3).toString('hex')

/** Makes a job. @param body as `PUT /api/v1/jobs/{id}` takes it */
export const makeJob = (api: AdminApi, id: string, body: object): Promise<JobChangeAnswer> =>
  api.change('PUT', pathOf(id), { query: {}, body }, jobChangeAnswer)

/** Asks how a job is on every node. */
export const askJob = (api: AdminApi, id: string): Promise<JobAnswer> =>
  api.get(pathOf(id), {}, jobAnswer)

/** What to type where a job goes on without us. */
export const howToGoOn = (id: string): string =>
  `it goes on: \`holdfast jobs ${id} --follow\` shows how far it is, \`holdfast cancel ${id}\` calls it off`

/**
 * Follows a job, with a bar on a terminal, until it is over, or nothing is left but the share of nodes that are away, or somebody presses
 * Ctrl-C: then it goes on without us.
 *
 * @param options.stillMs it is left, too, once it has waited for so long for what does not come, ms
 */
export async function watchJob(
  api: AdminApi,
  id: string,
  terminal: Terminal,
  { stillMs = Number.POSITIVE_INFINITY }: { readonly stillMs?: number } = {},
): Promise<{ readonly job: JobAnswer; readonly isLeft: boolean }> {
  const show = (text: string): void => (terminal.isTerminal ? terminal.err(text) : undefined)
  const leaving = new AbortController()
  const leave = (): void => leaving.abort()
  process.once('SIGINT', leave)
  show(`job ${id}; Ctrl-C leaves it running\n`)
  const quietMs = countMs()
  const stoodMs = countMs()
  let before = ''
  try {
    for (;;) {
      const job = await askJob(api, id)
      show(`\r${barOf(job)}\u001b[K`)
      const isStill = job.state === 'waiting' && progressOf(job) === before
      before = progressOf(job)
      const isLeft = leaving.signal.aborted || stoodMs(isStill) >= stillMs
      const isQuiet = quietMs(onlyAwayLeft(job).length > 0) > awayMs
      if (isOver(job) || isLeft || isQuiet) return { job, isLeft }
      await pause(everyMs, undefined, { signal: leaving.signal }).catch(() => {})
    }
  } finally {
    process.off('SIGINT', leave)
    show('\n')
  }
}

/** For how long it has been so by now, ms, told once for each look. */
function countMs(): (isSo: boolean) => number {
  let ms = 0
  return isSo => {
    ms = isSo ? ms + everyMs : 0
    return ms
  }
}

function barOf(job: JobAnswer): string {
  const { bytes, totalBytes, waitsFor } = job
  const share = totalBytes === 0 ? 0 : Math.min(1, bytes / totalBytes)
  const filled = Math.floor(share * barWidth)
  const bar = `${'#'.repeat(filled)}${' '.repeat(barWidth - filled)}`
  const wait = job.state === 'waiting' && waitsFor != null ? `; waits: ${waitsFor}` : ''
  return `warm [${bar}] ${progressOf(job)}${wait}`
}

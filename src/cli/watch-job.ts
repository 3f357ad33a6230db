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
/** Where there is no terminal, nothing is told sooner after what was told last, ms. */
const newsEveryMs = 5_000

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
export const howToGoOn = (id: string): string => `it goes on: ${howToLook(id)}`

const howToLook = (id: string): string =>
  `\`holdfast jobs ${id} --follow\` shows how far it is, \`holdfast cancel ${id}\` calls it off`

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
  const show = terminal.isTerminal ? showBar(terminal) : showNews(terminal)
  const leaving = new AbortController()
  const leave = (): void => leaving.abort()
  process.once('SIGINT', leave)
  terminal.err(
    terminal.isTerminal ? `job ${id}; Ctrl-C leaves it running\n` : `job ${id}: ${howToLook(id)}\n`,
  )
  const quietMs = countMs()
  const stoodMs = countMs()
  let before = ''
  try {
    for (;;) {
      const job = await askJob(api, id)
      show(job)
      const isStill = job.state === 'waiting' && progressOf(job) === before
      before = progressOf(job)
      const isLeft = leaving.signal.aborted || stoodMs(isStill) >= stillMs
      const isQuiet = quietMs(onlyAwayLeft(job).length > 0) > awayMs
      if (isOver(job) || isLeft || isQuiet) return { job, isLeft }
      await pause(everyMs, undefined, { signal: leaving.signal }).catch(() => {})
    }
  } finally {
    process.off('SIGINT', leave)
    if (terminal.isTerminal) terminal.err('\n')
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

/** A line that is written anew each time, and fits one line of the terminal. */
function showBar(terminal: Terminal): (job: JobAnswer) => void {
  return job => {
    const columns = terminal.size?.()?.columns ?? 80
    terminal.err(`\r${cutTo(columns - 1, barOf(job))}\u001b[K`)
  }
}

/** A line each time that the state of something is another, and not more often than every few seconds. */
function showNews(terminal: Terminal): (job: JobAnswer) => void {
  let told = ''
  let toldAtMs = Number.NEGATIVE_INFINITY
  return job => {
    const nowMs = performance.now()
    const states = statesOf(job)
    if (states === told || nowMs - toldAtMs < newsEveryMs || isOver(job)) return
    told = states
    toldAtMs = nowMs
    terminal.err(`${job.id} is ${job.state}: ${progressOf(job)}${waitOf(job)}\n`)
  }
}

const statesOf = ({ state, waitsFor, nodes }: JobAnswer): string =>
  JSON.stringify([
    state,
    waitsFor,
    nodes.map(node => [node.there, node.state, node.images.map(image => image.state)]),
  ])

const waitOf = ({ state, waitsFor }: JobAnswer): string =>
  state === 'waiting' && waitsFor != null ? `; waits: ${waitsFor}` : ''

const cutTo = (width: number, text: string): string =>
  text.length <= width ? text : `${text.slice(0, Math.max(width - 1, 0))}…`

function barOf(job: JobAnswer): string {
  const filled = Math.floor(shareOf(job) * barWidth)
  const bar = `${'#'.repeat(filled)}${' '.repeat(barWidth - filled)}`
  return `warm [${bar}] ${progressOf(job)}${waitOf(job)}`
}

/** By bytes where it is known how many there are, else by images that are done; 0 to 1. */
function shareOf({ done, wanted, bytes, totalBytes, nodes }: JobAnswer): number {
  const isKnown = nodes.every(({ images }) =>
    images.every(image => image.totalBytes != null || settled.has(image.state)),
  )
  const [part, whole] = isKnown ? [bytes, totalBytes] : [done, wanted]
  return whole === 0 ? 0 : Math.min(1, part / whole)
}

/** States in which no more of an image comes. */
const settled: ReadonlySet<string> = new Set(['done', 'failed', 'unfit', 'elsewhere'])

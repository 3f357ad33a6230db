import { setTimeout as pause } from 'node:timers/promises'
import type { AdminApi } from './admin-api.ts'
import type { Terminal } from './command.ts'
import { type JobAnswer, jobAnswer } from './job-answers.ts'
import { isOver, onlyAwayLeft, progressOf } from './job-words.ts'

/** How often it is looked how far a job is, ms. */
const everyMs = 1_000
/** Nodes that are away for a moment are waited for, ms. */
const awayMs = 5_000
const barWidth = 24

/** Asks how a job is on every node. */
export const askJob = (api: AdminApi, id: string): Promise<JobAnswer> =>
  api.get(`/api/v1/jobs/${encodeURIComponent(id)}`, {}, jobAnswer)

/**
 * Follows a job, with a bar on a terminal, until it is over, or nothing is left but the share of nodes that are away, or somebody presses
 * Ctrl-C: then it goes on without us.
 */
export async function watchJob(
  api: AdminApi,
  id: string,
  terminal: Terminal,
): Promise<{ readonly job: JobAnswer; readonly isLeft: boolean }> {
  const leaving = new AbortController()
  const leave = (): void => leaving.abort()
  process.once('SIGINT', leave)
  let quietMs = 0
  try {
    for (;;) {
      const job = await askJob(api, id)
      if (terminal.isTerminal) terminal.err(`\r${barOf(job)}\u001b[K`)
      quietMs = onlyAwayLeft(job).length > 0 ? quietMs + everyMs : 0
      const isLeft = leaving.signal.aborted
      if (isOver(job) || isLeft || quietMs > awayMs) return { job, isLeft }
      await pause(everyMs, undefined, { signal: leaving.signal }).catch(() => {})
    }
  } finally {
    process.off('SIGINT', leave)
    if (terminal.isTerminal) terminal.err('\n')
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

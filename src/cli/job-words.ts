import type { ExitCode } from './exit-codes.ts'
import type { JobAnswer, JobsAnswer } from './job-answers.ts'
import { formatAge, formatBytes, properties } from './print.ts'
import { columns, type Line } from './table.ts'

type Job = JobsAnswer['items'][number]

/** How far a job is, in a few words. */
export function progressOf({ done, unfit, wanted, bytes, totalBytes }: Job): string {
  const images = `${done} of ${wanted} ${wanted === 1 ? 'image' : 'images'}`
  return `${images}${tellUnfit(unfit)}, ${formatBytes(bytes)} of ${formatBytes(totalBytes)}`
}

function tellUnfit(unfit: Job['unfit']): string {
  if (unfit == null || unfit === 0) return ''
  return `, of which ${unfit} ${unfit === 1 ? 'fits' : 'fit'} no platform of ${unfit === 1 ? 'its' : 'their'} node`
}

/** Who is to have the images. */
export function scopeOf({
  scope,
  scopeNodes,
  scopeCopies,
}: Pick<Job, 'scope' | 'scopeNodes' | 'scopeCopies'>): string {
  if (scope === 'copies') return `${scopeCopies} nodes each`
  return scope === 'nodes' ? (scopeNodes ?? []).join(', ') : 'all nodes'
}

/** Whether there is more to come. */
export const isOver = ({ state }: Pick<Job, 'state'>): boolean =>
  state !== 'running' && state !== 'waiting'

/** Nodes that have to do their share yet and cannot, when no other has anything left to do; else none. */
export function onlyAwayLeft({ nodes }: JobAnswer): readonly string[] {
  const open = nodes.filter(({ state }) => state !== 'ended')
  return open.every(({ there }) => !there) ? open.map(({ name }) => name) : []
}

/** The exit code that a job's state comes to. */
export function exitCodeOf(job: JobAnswer): ExitCode {
  if (job.state === 'failed' || (job.state === 'done' && fitNowhere(job).length > 0))
    return 'faulty'
  if (job.state === 'done') return areTooFew(job) ? 'noAnswer' : 'ok'
  return isOver(job) || onlyAwayLeft(job).length > 0 ? 'noAnswer' : 'ok'
}

/** Images that have nothing for any of the nodes that were to have them. */
function fitNowhere({ nodes }: JobAnswer): readonly string[] {
  const told = nodes.flatMap(({ images }) => images).filter(({ state }) => state !== 'elsewhere')
  const byImage = Object.groupBy(told, ({ reference }) => reference)
  return Object.entries(byImage)
    .filter(([, images = []]) => images.every(({ state }) => state === 'unfit'))
    .map(([reference]) => reference)
}

/** There are fewer nodes than are to have each image. */
const areTooFew = ({ scopeCopies, nodes }: JobAnswer): boolean =>
  scopeCopies != null && nodes.length < scopeCopies

/** A job on every node, and what is to be done about it. */
export function jobLines(job: JobAnswer): readonly Line[] {
  const now = Date.parse(job.asOf)
  const rows = job.nodes.map(node => {
    const count = (wanted: string) => node.images.filter(({ state }) => state === wanted).length
    const settled = count('done') + count('unfit')
    return [
      node.name,
      node.there ? (node.state ?? 'has not begun') : `away${saidAgo(node.saidAt, now)}`,
      `${settled} of ${node.images.length - count('elsewhere')}`,
      String(count('failed')),
      `${formatBytes(node.bytes)} of ${formatBytes(node.totalBytes)}`,
    ]
  })
  const rowsOfTrouble = job.nodes.flatMap(({ name, images }) =>
    images
      .filter(({ state, reason }) => troubles.has(state) || (state === 'done' && reason != null))
      .map(({ reference, state, reason, waitsSince }) => [
        reference,
        name,
        state,
        [reason, waitsSince && `since ${waitsSince}`].filter(Boolean).join('; '),
      ]),
  )
  return [
    `${job.id} is ${stateWords[job.state] ?? job.state}: ${progressOf(job)}`,
    ...properties([
      ['for', scopeOf(job)],
      ['waits for', job.waitsFor],
      ['since', job.createdAt],
      ['by', job.author],
      ['note', job.note],
    ]),
    '',
    ...columns([['NODE', 'STATE', 'IMAGES', 'FAILED', 'BYTES'], ...rows]),
    ...(rowsOfTrouble.length > 0
      ? ['', ...columns([['IMAGE', 'NODE', 'STATE', 'WHY'], ...rowsOfTrouble])]
      : []),
    ...cures(job),
  ]
}

const troubles: ReadonlySet<string> = new Set(['failed', 'waiting', 'unfit'])

const stateWords: Readonly<Record<string, string>> = {
  done: 'done',
  failed: 'over, and not whole',
  cancelled: 'called off',
  running: 'running',
  waiting: 'waiting',
}

const saidAgo = (saidAt: string | undefined | null, nowMs: number): string =>
  saidAt == null ? '' : `, ${formatAge((nowMs - Date.parse(saidAt)) / 1000)} ago`

function cures(job: JobAnswer): string[] {
  const away = isOver(job) ? [] : onlyAwayLeft(job)
  if (away.length > 0) {
    return ['', `${away.join(', ')} ${away.length === 1 ? 'does its' : 'do their'} share when back`]
  }
  if (job.state === 'done') return curesOfDone(job)
  if (job.state !== 'failed' || !hasMoreToFetch(job)) return []
  return ['', 'once that is mended, `holdfast warm` with the same images fetches what is missing']
}

function curesOfDone(job: JobAnswer): string[] {
  const nowhere = fitNowhere(job)
  if (nowhere.length > 0) {
    const whom = `${nowhere.join(', ')} ${nowhere.length === 1 ? 'has' : 'have'}`
    return ['', `${whom} nothing for any of these nodes`]
  }
  if (!areTooFew(job)) return []
  const { length } = job.nodes
  const there = length === 1 ? 'is 1' : `are ${length}`
  return ['', `no image is on ${job.scopeCopies} nodes: there ${there}`]
}

/** Something that failed is not here; what lacks a platform is, as far as there is anything of it. */
const hasMoreToFetch = ({ nodes }: JobAnswer): boolean =>
  nodes.some(({ images }) =>
    images.some(
      ({ state, bytes, totalBytes }) =>
        state === 'failed' && (totalBytes == null || bytes < totalBytes),
    ),
  )

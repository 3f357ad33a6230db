import { maxValueBytes } from '../ledger/record.ts'
import type { SaidWord } from '../ports/word-book.ts'
import type { Occurrence, Schedule, Times } from './schedule.ts'
import {
  isSameTask,
  isTime,
  readObject,
  readTask,
  type WarmJob,
  type WarmTask,
} from './warm-job.ts'

/** When images are fetched again and again. */
export interface Recurring {
  /** A cron expression. */
  readonly every: string
  /** As in the IANA's list. */
  readonly timeZone: string
  /** Nodes begin up to so much later than it is due, each always by the same; ms. */
  readonly jitterMs: number
}

/** What is to be fetched again and again. Every node works out its runs from this alone. */
export interface WarmSchedule extends WarmTask, Recurring, Schedule {
  readonly note: string | undefined
  readonly author: string | undefined
  /** It stands in the configuration of this node, and is for this node alone. */
  readonly isConfigured: boolean
}

/** Reads a cron expression, or tells what is wrong with it and what to write in its place. */
export type ParseRecurrence = (
  text: string,
  timeZone: string,
) => Times | { readonly problem: string; readonly cure: string }

/** The most by which nodes may be spread, ms. */
export const maxJitterMs = 24 * 3_600_000

const keyPrefix = 'schedule/'
/** Short enough for a run's id to name a job. */
const nameGrammar = /^[a-z0-9](?:[a-z0-9._-]{0,38}[a-z0-9])?$/

/** Whether it can name a schedule: it is a part of the ids of its runs. */
export const isScheduleName = (text: string): boolean => nameGrammar.test(text)

/** The key of its register, which lies among those of jobs: no job is called so. */
export const scheduleKey = (name: string): string => `${keyPrefix}${name}`

/**
 * A schedule as its register carries it. `undefined`: too long for one.
 *
 * @param sinceMs when it was set, where that was earlier than what is said now
 */
export function encodeSchedule(
  task: WarmTask,
  { every, timeZone, jitterMs }: Recurring,
  sinceMs?: number,
): string | undefined {
  const { images, platforms, scope, concurrency, referrers } = task
  const times = { every, timeZone, jitterMs, sinceMs }
  const fields = { ...times, images, platforms, scope, concurrency, referrers }
  const text = JSON.stringify(fields)
  return Buffer.byteLength(text) > maxValueBytes ? undefined : text
}

/** Reads what any node said; `undefined` when it is no schedule. Never throws. */
export function decodeSchedule(word: SaidWord, parse: ParseRecurrence): WarmSchedule | undefined {
  const name = word.key.startsWith(keyPrefix) ? word.key.slice(keyPrefix.length) : ''
  const fields = readObject(word.value ?? '')
  if (fields === undefined || !isScheduleName(name)) return undefined
  const { every, timeZone, jitterMs } = fields
  const task = readTask(fields)
  if (task === undefined || typeof every !== 'string' || typeof timeZone !== 'string') {
    return undefined
  }
  if (!isJitter(jitterMs)) return undefined
  const times = parse(every, timeZone)
  if ('problem' in times) return undefined
  const { note, author, atMs } = word
  const sinceMs = isTime(fields['sinceMs']) ? fields['sinceMs'] : atMs
  const recurring = { every, timeZone, jitterMs, times, sinceMs }
  return { name, ...task, ...recurring, note, author, isConfigured: false }
}

const isJitter = (value: unknown): value is number =>
  Number.isSafeInteger(value) && Number(value) >= 0 && Number(value) <= maxJitterMs

/** Whether what is fetched when, and for whom, is the same: then the runs of one are those of the other. */
export const hasSameRuns = (a: WarmTask & Recurring, b: WarmTask & Recurring): boolean => {
  const { concurrency, jitterMs } = a
  return isSameSchedule(a, { ...b, concurrency, jitterMs })
}

/** Whether two say the same of what is fetched when. */
export const isSameSchedule = (a: WarmTask & Recurring, b: WarmTask & Recurring): boolean =>
  isSameTask(a, b) && a.every === b.every && a.timeZone === b.timeZone && a.jitterMs === b.jitterMs

/** The job that a time of a schedule is: the same one on every node. `undefined`: it was due before the schedule was set. */
export function jobOf(schedule: WarmSchedule, dueMs: number): WarmJob | undefined {
  if (dueMs < schedule.sinceMs) return undefined
  const { images, platforms, scope, concurrency, referrers, author, name } = schedule
  return {
    ...{ images, platforms, scope, concurrency, referrers, author },
    id: runId({ name, dueMs }),
    createdAtMs: dueMs,
    note: schedule.note ?? `schedule ${name}`,
    cancelledAtMs: undefined,
  }
}

/** `nightly-20261129t030000z` */
function runId({ name, dueMs }: Occurrence): string {
  const text = new Date(dueMs).toISOString().slice(0, 19).replaceAll(/[-:]/g, '')
  return `${name}-${text.toLowerCase()}z`
}

/** Which run has this id; `undefined`: it is none's. */
export function readRunId(id: string): Occurrence | undefined {
  const [, name = '', ...digits] = /^(.+)-(\d{4})(\d\d)(\d\d)t(\d\d)(\d\d)(\d\d)z$/.exec(id) ?? []
  const [year, month, day, hour, minute, second] = digits
  const dueMs = Date.parse(`${year}-${month}-${day}T${hour}:${minute}:${second}Z`)
  return Number.isNaN(dueMs) || !isScheduleName(name) ? undefined : { name, dueMs }
}

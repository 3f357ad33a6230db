import type { Log } from '../ports/log.ts'
import type { Timers } from '../ports/timers.ts'
import { delayOf, newestDue, type Occurrence, type Schedule } from './schedule.ts'

/** How far this node is with a schedule. Times in ms since the epoch. */
export interface Dealt {
  /** All that was due until then is dealt with. */
  readonly untilMs: number
  /** When the newest that it began was due; absent: it began none. */
  readonly runMs?: number | undefined
}

/** How far this node is with each schedule, by its name; outlives a restart. */
export interface ScheduleMemory {
  read(): ReadonlyMap<string, Dealt>
  /** Settles when it is durable. Rejects with `ledger-unusable`. */
  write(dealt: ReadonlyMap<string, Dealt>): Promise<void>
}

/** Runs what recurs until it is closed. */
export interface ScheduleRunner {
  /** The newest time of each schedule that this node began, by its name, ms since the epoch. */
  runs(): ReadonlyMap<string, number>
  /** When a schedule is next due on this node, delay included; `undefined`: never, or there is none of that name. */
  nextMs(name: string): number | undefined
  close(): Promise<void>
}

/** Whom the runner asks. */
export interface ScheduleParts {
  readonly schedules: () => readonly Schedule[]
  readonly onChange: (listener: () => void) => () => void
  /** Whether what this schedule needs can be had now. */
  readonly isOnline: (name: string) => boolean
  /** Calls back when what had to wait may have a chance. */
  readonly onHope: (listener: () => void) => () => void
  /** Whether what this node began is still being worked on here, and not merely waiting. */
  readonly isAtWork: (run: Occurrence) => boolean
  /** Called after {@link ScheduleRunner.runs} changed. */
  readonly onRuns: () => void
  readonly memory: ScheduleMemory
  /** This node's id, hex. */
  readonly self: string
  /** Trusted time. */
  readonly nowMs: () => number
  readonly timers: Timers
  readonly log: Log
}

/** It is looked at least so often, ms: trusted time may have been put right. */
const everyMs = 30_000
/** Times that were dealt with this far ahead of now were so by a wrong clock, ms. */
const aheadMs = 24 * 3_600_000

/**
 * Begins what is due. While the node is offline, or still at work on an earlier time of the same schedule, it waits, and then begins the
 * newest one alone: nobody is helped by a week of nightly runs one after another. One that only waits is left for the next.
 */
export function startSchedules(parts: ScheduleParts): ScheduleRunner {
  const { memory, self, nowMs, timers, log } = parts
  const dealtWith = new Map(memory.read())
  let runs = runsOf(dealtWith)
  let looking: Promise<void> | undefined
  let isNews = false
  let isClosed = false
  let cancel = timers.after(0, look)

  function look(): void {
    isNews = false
    cancel()
    looking = begin()
      .catch(err => log.warn({ err }, 'what recurs was not looked at'))
      .then(() => {
        looking = undefined
        if (!isClosed) cancel = timers.after(isNews ? 0 : waitMs(), look)
      })
  }

  function heard(): void {
    isNews = true
    if (looking !== undefined || isClosed) return
    cancel()
    cancel = timers.after(0, look)
  }

  async function begin(): Promise<void> {
    const schedules = parts.schedules()
    if (notice(schedules)) await keep()
    for (const schedule of schedules) {
      if (isClosed) return
      await beginOne(schedule)
    }
  }

  /** A schedule is seen for the first time, or is gone, or was dealt with by a clock that was wrong. */
  function notice(schedules: readonly Schedule[]): boolean {
    const now = nowMs()
    const names = new Set(schedules.map(({ name }) => name))
    const gone = [...dealtWith.keys()].filter(name => !names.has(name))
    const unseen = schedules.filter(({ name }) => !dealtWith.has(name))
    const ahead = schedules.filter(({ name }) => untilOf(name, now) > now + aheadMs)
    for (const name of gone) dealtWith.delete(name)
    for (const { name, sinceMs } of unseen) {
      dealtWith.set(name, { untilMs: Math.min(sinceMs, now) })
    }
    for (const { name } of ahead) dealtWith.set(name, { ...dealtWith.get(name), untilMs: now })
    return gone.length + unseen.length + ahead.length > 0
  }

  async function beginOne(schedule: Schedule): Promise<void> {
    const { name } = schedule
    const dueMs = newestDue(schedule, whereWeAre(schedule))
    if (dueMs === undefined || !parts.isOnline(name)) return
    const before = dealtWith.get(name)
    if (before?.runMs !== undefined && parts.isAtWork({ name, dueMs: before.runMs })) return
    dealtWith.set(name, { untilMs: dueMs, runMs: dueMs })
    try {
      await keep()
      log.info({ schedule: name, due: new Date(dueMs).toISOString() }, 'what recurs is due')
    } catch (err) {
      if (before !== undefined) dealtWith.set(name, before)
      log.warn({ err, schedule: name }, 'what recurs was not begun; it is tried again')
    }
  }

  async function keep(): Promise<void> {
    await memory.write(dealtWith)
    runs = runsOf(dealtWith)
    parts.onRuns()
  }

  const untilOf = (name: string, otherwise: number): number =>
    dealtWith.get(name)?.untilMs ?? otherwise

  const whereWeAre = (schedule: Schedule) => ({
    nowMs: nowMs(),
    lastMs: untilOf(schedule.name, nowMs()),
    delayMs: delayOf(schedule, self),
  })

  function nextOf(schedule: Schedule): number | undefined {
    const { nowMs: now, delayMs } = whereWeAre(schedule)
    const next = schedule.times.after(now - delayMs)
    return next === undefined ? undefined : next + delayMs
  }

  function waitMs(): number {
    const next = parts.schedules().flatMap(schedule => nextOf(schedule) ?? [])
    return Math.max(0, Math.min(everyMs, Math.min(...next) - nowMs()))
  }

  const stops = [parts.onChange(heard), parts.onHope(heard)]

  return {
    runs: () => runs,
    nextMs(name) {
      const schedule = parts.schedules().find(one => one.name === name)
      return schedule === undefined ? undefined : nextOf(schedule)
    },
    async close() {
      isClosed = true
      for (const stop of stops) stop()
      cancel()
      await looking
    },
  }
}

const runsOf = (dealt: ReadonlyMap<string, Dealt>): ReadonlyMap<string, number> =>
  new Map([...dealt].flatMap(([name, { runMs }]) => (runMs === undefined ? [] : [[name, runMs]])))

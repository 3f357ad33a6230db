import type { Log } from '../ports/log.ts'
import type { Timers } from '../ports/timers.ts'
import { delayOf, newestDue, type Occurrence, type Schedule } from './schedule.ts'

/** What is dealt with outlives a restart; a power cut may take the newest of it back. */
export interface ScheduleMemory {
  /** Of each schedule by its name: the newest time that was dealt with. */
  read(): ReadonlyMap<string, number>
  write(times: ReadonlyMap<string, number>): Promise<void>
}

/** Runs what recurs until it is closed. */
export interface ScheduleRunner {
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
  /** Whether an earlier time of this schedule is still being dealt with here. */
  readonly isRunning: (name: string) => boolean
  /** Begins; does nothing when the same time was begun before. */
  readonly run: (occurrence: Occurrence) => Promise<void>
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
 * Begins what is due. While the node is offline, or still at an earlier time of the same schedule, it waits, and then begins the newest one
 * alone: nobody is helped by a week of nightly runs one after another.
 */
export function startSchedules(parts: ScheduleParts): ScheduleRunner {
  const { memory, self, nowMs, timers, log } = parts
  const dealtWith = new Map(memory.read())
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
    if (notice(schedules)) await memory.write(dealtWith)
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
    const ahead = schedules.filter(({ name }) => (dealtWith.get(name) ?? now) > now + aheadMs)
    for (const name of gone) dealtWith.delete(name)
    for (const { name, sinceMs = now } of unseen) dealtWith.set(name, Math.min(sinceMs, now))
    for (const { name } of ahead) dealtWith.set(name, now)
    return gone.length + unseen.length + ahead.length > 0
  }

  async function beginOne(schedule: Schedule): Promise<void> {
    const { name } = schedule
    const dueMs = newestDue(schedule, whereWeAre(schedule))
    if (dueMs === undefined || !parts.isOnline(name) || parts.isRunning(name)) return
    try {
      await parts.run({ name, dueMs })
      dealtWith.set(name, dueMs)
      await memory.write(dealtWith)
    } catch (err) {
      log.warn({ err, name, dueMs }, 'what recurs was not begun; it is tried again')
    }
  }

  const whereWeAre = (schedule: Schedule) => ({
    nowMs: nowMs(),
    lastMs: dealtWith.get(schedule.name) ?? nowMs(),
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

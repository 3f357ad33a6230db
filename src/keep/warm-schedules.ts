import { createOneByOne } from '../ports/one-by-one.ts'
import type { WordBook } from '../ports/word-book.ts'
import { mustBeOperator, Refusal, type Stored } from './operator-word.ts'
import type { WarmTask } from './warm-job.ts'
import type { JobTerms } from './warm-jobs.ts'
import {
  encodeSchedule,
  hasSameRuns,
  isSameSchedule,
  isScheduleName,
  type ParseRecurrence,
  type Recurring,
  scheduleKey,
  type WarmSchedule,
} from './warm-schedule.ts'

/** What a change did to a schedule. */
export interface ScheduleChange {
  readonly before: WarmSchedule | undefined
  /** Absent: it is no longer there. */
  readonly after: WarmSchedule | undefined
  readonly stored: Stored
}

/** How a change is made. */
export interface ScheduleTerms extends JobTerms {
  /** Asked right before the change, of what has the name then: throws when that is not what the operator has seen. */
  readonly check?: ((standing: WarmSchedule | undefined) => void) | undefined
}

/** Has images fetched again and again. */
export interface WarmSchedules {
  /** In the order of their names; this node's own of the configuration first. */
  list(): readonly WarmSchedule[]
  find(name: string): WarmSchedule | undefined
  /** Takes the place of what has this name. Says the same again without a change. Throws {@link Refusal}; rejects with `ledger-unusable`. */
  put(
    name: string,
    what: WarmTask & Recurring,
    details: { readonly note: string | undefined; readonly author: string | undefined },
    terms: ScheduleTerms,
  ): Promise<ScheduleChange>
  /** Throws what {@link WarmSchedules.put} would throw if there were so many more schedules, and says nothing. */
  tryOut(name: string, what: WarmTask & Recurring, more?: number): void
  /** Its runs are no longer worked on, either. As {@link WarmSchedules.put}. */
  remove(name: string, by: string | undefined, terms: ScheduleTerms): Promise<ScheduleChange>
}

/** Schedules at the most: each is looked at all the time, on every node. */
const maxSchedules = 50

/** Schedules of this node's ledger. Changes are made one after another: each sees what the one before left. */
export function createWarmSchedules(parts: {
  readonly schedules: () => readonly WarmSchedule[]
  readonly words: Pick<WordBook, 'set' | 'lift'>
  readonly parse: ParseRecurrence
  readonly isOperator: () => boolean
  /** Has other nodes store what this one says under a key. */
  readonly storeOnOthers: (key: string, terms: JobTerms) => Promise<Stored>
}): WarmSchedules {
  const { schedules, words } = parts
  const inTurn = createOneByOne()
  const find = (name: string): WarmSchedule | undefined =>
    schedules().find(schedule => schedule.name === name)

  function writtenOf(
    name: string,
    what: WarmTask & Recurring,
    before: WarmSchedule | undefined,
    more = 0,
  ): string {
    const value = textOf(name, what, before)
    if (before !== undefined || schedules().length + more < maxSchedules) return value
    throw new Refusal('too-many', `there are ${maxSchedules} schedules: remove some`)
  }

  function textOf(
    name: string,
    what: WarmTask & Recurring,
    before: WarmSchedule | undefined,
  ): string {
    if (!isScheduleName(name)) {
      throw new Refusal(
        'no-id',
        `${JSON.stringify(name)} can name no schedule: write a-z, 0-9, . _ -, at most 40 of them`,
      )
    }
    const times = parts.parse(what.every, what.timeZone)
    if ('problem' in times) {
      throw new Refusal('no-times', `${JSON.stringify(what.every)} ${times.problem}; ${times.cure}`)
    }
    // The run that is under way goes on where it would be the same one.
    const goesOn = before !== undefined && hasSameRuns(before, what)
    const text = encodeSchedule(what, what, goesOn ? before.sinceMs : undefined)
    if (text !== undefined) return text
    throw new Refusal(
      'too-long',
      `the names of ${what.images.length} images are too long for one schedule, which every node has to be told of: make two of it`,
    )
  }

  async function change(
    name: string,
    terms: ScheduleTerms,
    say: (before: WarmSchedule | undefined) => Promise<void>,
  ): Promise<ScheduleChange> {
    const did = await inTurn(async () => {
      mustBeOperator(parts.isOperator)
      const before = find(name)
      terms.check?.(before)
      await say(before)
      return { before, after: find(name) }
    })
    return { ...did, stored: await parts.storeOnOthers(scheduleKey(name), terms) }
  }

  return {
    list: schedules,
    find,
    put: (name, what, { note, author }, terms) =>
      change(name, terms, async before => {
        const value = writtenOf(name, what, before)
        const isSaid = before?.note === note && before?.author === author
        const isSame = before !== undefined && isSaid && isSameSchedule(before, what)
        if (!isSame) await words.set(scheduleKey(name), { note, author, value })
      }),
    tryOut(name, what, more) {
      mustBeOperator(parts.isOperator)
      writtenOf(name, what, find(name), more)
    },
    remove: (name, by, terms) =>
      change(name, terms, async before => {
        if (before?.isConfigured) {
          throw new Refusal(
            'nothing',
            'it stands in the configuration of this node: change it there',
          )
        }
        if (before !== undefined) await words.lift(scheduleKey(name), by)
      }),
  }
}

import type { WarmJobs } from '../../keep/warm-jobs.ts'
import { readRunId, type WarmSchedule } from '../../keep/warm-schedule.ts'
import type { ScheduleChange, WarmSchedules } from '../../keep/warm-schedules.ts'
import { defined, iso, isoOf, tellChange } from './describe.ts'
import { describeShares, namedImages } from './describe-job.ts'
import type { AddOperation } from './operation.ts'
import { operations } from './operations.ts'
import { readWordCheck, versionOfWord, writeTag } from './preconditions.ts'
import { ProblemError } from './problem.ts'
import { createReadTask } from './read-task.ts'
import type {
  ScheduleAnswer,
  ScheduleChangeAnswer,
  ScheduleRemovalAnswer,
  SchedulesAnswer,
} from './schedule-contract.ts'
import { wordTerms } from './word-terms.ts'

/** What the operations on schedules ask. */
export interface ScheduleParts {
  readonly warmSchedules: WarmSchedules
  /** When this node begins with one next, ms since the epoch. */
  readonly nextRunMs: (name: string) => number | undefined
}

/** Adds what concerns recurring warm jobs. */
export function addSchedules(
  add: AddOperation,
  {
    warmSchedules,
    warmJobs,
    nextRunMs,
    asOf,
    ...known
  }: ScheduleParts &
    Parameters<typeof createReadTask>[0] & {
      readonly warmJobs: Pick<WarmJobs, 'list'>
      readonly asOf: () => { readonly node: string; readonly asOf: string }
    },
): void {
  const readTask = createReadTask(known)

  add(operations.schedules, () => {
    return { ...asOf(), items: warmSchedules.list().map(describe) } satisfies SchedulesAnswer
  })

  add(operations.schedule, ({ path, reply }) => {
    const name = path['name'] ?? ''
    const found = warmSchedules.find(name)
    if (found === undefined) {
      throw new ProblemError(
        404,
        `no schedule is called ${JSON.stringify(name)}; \`holdfast schedules\` lists them`,
      )
    }
    writeTag(reply, versionOf(found))
    return { ...asOf(), ...describe(found) } satisfies ScheduleAnswer
  })

  add(operations.putSchedule, async ({ path, query, body, caller, request, reply, audit }) => {
    const name = path['name'] ?? ''
    audit({ subject: name })
    const { every, timeZone, jitterSeconds } = body
    const recurring = { every, timeZone, jitterMs: jitterSeconds * 1_000 }
    const what = { ...(await readTask(body)), ...recurring }
    const details = { note: body.note, author: body.author ?? caller }
    const terms = wordTerms(query.copies, readWordCheck(request.headers, versionOf))
    const change = await warmSchedules.put(name, what, details, terms)
    writeTag(reply, change.after && versionOf(change.after))
    audit(told(name, change))
    return tell(change)
  })

  add(operations.deleteSchedule, async ({ path, query, caller, request, audit }) => {
    const name = path['name'] ?? ''
    audit({ subject: name })
    const terms = wordTerms(query.copies, readWordCheck(request.headers, versionOf))
    const change = await warmSchedules.remove(name, caller, terms)
    audit(told(name, change))
    const { before, after, stored } = change
    const was = after ?? before
    const is = { removed: after === undefined, ...tellChange(change, saidOf), storedOn: stored }
    return { ...asOf(), ...(was && describe(was)), name, ...is } satisfies ScheduleRemovalAnswer
  })

  function tell(change: ScheduleChange): ScheduleChangeAnswer {
    const { after, stored } = change
    if (after === undefined) throw new Error('a schedule was written and is not there')
    const is = { removed: false, ...tellChange(change, saidOf), storedOn: stored }
    return { ...asOf(), ...describe(after), ...is }
  }

  const told = (subject: string, { before, after }: ScheduleChange) => ({
    subject,
    before: before && noteOf(before),
    after: after && noteOf(after),
  })

  /** Without what is so of the one that has the name now. */
  function saidOf(schedule: WarmSchedule) {
    const { nextAt: _nextAt, job: _job, ...said } = describe(schedule)
    return said
  }

  const noteOf = (schedule: WarmSchedule) => ({
    ...describe(schedule),
    images: namedImages(schedule.images),
  })

  function describe(schedule: WarmSchedule): SchedulesAnswer['items'][number] {
    const { name, every, timeZone, jitterMs, images } = schedule
    const { isConfigured, sinceMs, note, author } = schedule
    const newest = warmJobs.list().find(({ id }) => readRunId(id)?.name === name)
    return {
      name,
      every,
      timeZone,
      jitterSeconds: Math.round(jitterMs / 1_000),
      images: [...images],
      ...describeShares(schedule),
      configured: isConfigured,
      ...(!isConfigured && { setAt: iso(sinceMs) }),
      ...defined({
        note,
        author,
        version: versionOf(schedule),
        nextAt: isoOf(nextRunMs(name)),
        job: newest?.id,
      }),
    }
  }
}

/** What the configuration says is told from this node alone, and changed there. */
function versionOf({ times: _, isConfigured, ...said }: WarmSchedule): string | undefined {
  return isConfigured ? undefined : versionOfWord(said)
}

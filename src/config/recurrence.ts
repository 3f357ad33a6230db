import { Cron } from 'croner'

/** Times at which something recurs, in ms since the epoch; all of them on whole seconds. */
export interface Recurrence {
  /** The first one after that time. */
  after(ms: number): number | undefined
  /** The last one that is not after that time. */
  until(ms: number): number | undefined
}

/** Why a text says no times, and what to write in its place. */
export interface RecurrenceFault {
  readonly problem: string
  readonly cure: string
}

const nicknames = /^@(?:yearly|annually|monthly|weekly|daily|midnight|hourly)$/i
/** Any year will do: what never comes within years from here never comes. */
const anyDay = new Date('2000-01-01T00:00:00Z')

/**
 * Reads a cron expression: five fields, or six with seconds before them, or a nickname like `@daily`. In a time zone that changes its
 * clocks a fixed time that is left out comes with the first one after the gap, and one that occurs twice comes once.
 *
 * @param timeZone as in the IANA's list
 */
export function parseRecurrence(text: string, timeZone = 'UTC'): Recurrence | RecurrenceFault {
  const fields = text.trim().split(/\s+/)
  const isCron = fields.length === 5 || fields.length === 6
  if (!isCron && !nicknames.test(text.trim())) return fault('is no cron expression')
  // It stands for the moment at which it is read: each node would have another one.
  if (text.includes('?')) return fault('has a ?, which would mean something else on each node')
  if (!isTimeZone(timeZone)) {
    return {
      problem: `is in the time zone ${JSON.stringify(timeZone)}, which is none`,
      cure: 'write one like UTC or Europe/Berlin',
    }
  }
  const cron = readCron(fields.join(' '), timeZone)
  if (!(cron instanceof Cron)) return fault(`is no cron expression: ${cron.message}`)
  if (cron.nextRun(anyDay) === null) return fault('says a time that never comes')
  return {
    after: ms => cron.nextRun(new Date(ms))?.getTime(),
    until: ms => cron.previousRuns(1, new Date(ms + 1))[0]?.getTime(),
  }
}

/** Tells the two results of {@link parseRecurrence} apart. */
export function isRecurrenceFault(result: Recurrence | RecurrenceFault): result is RecurrenceFault {
  return 'problem' in result
}

const fault = (problem: string): RecurrenceFault => ({
  problem,
  cure: "write minute, hour, day of the month, month and day of the week: '0 3 * * *' is 3:00 every day",
})

function readCron(text: string, timezone: string): Cron | { readonly message: string } {
  try {
    return new Cron(text, { timezone, mode: '5-or-6-parts' })
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error)
    return { message: message.replace(/^CronPattern: /, '') }
  }
}

/** Whether this machine knows a time zone of that name. */
export function isTimeZone(timeZone: string): boolean {
  try {
    new Intl.DateTimeFormat('en', { timeZone })
    return true
  } catch {
    return false
  }
}

import { parseDuration } from '../config/quantity.ts'
import { CommandFailure } from './command-failure.ts'

/**
 * A time from the command line as ISO 8601: written so, as a date alone (its end, unless its start is meant), or as a duration before or after now. Throws
 * `CommandFailure` with `usage`.
 *
 * @param option what it was given to, for the message
 */
export function readTime(
  text: string,
  {
    option,
    towards,
    nowMs,
    dateMeans = 'end',
  }: {
    readonly option: string
    readonly towards: 'past' | 'future'
    readonly nowMs: number
    readonly dateMeans?: 'start' | 'end'
  },
): string {
  const duration = parseDuration(text.replace(/ ?ago$/, ''))
  if (duration !== undefined) {
    return new Date(towards === 'past' ? nowMs - duration : nowMs + duration).toISOString()
  }
  const isDate = /^\d{4}-\d{2}-\d{2}$/.test(text)
  const clock = dateMeans === 'end' ? 'T23:59:59.999' : 'T00:00:00.000'
  const time = /^\d{4}-\d{2}-\d{2}/.test(text)
    ? Date.parse(isDate ? `${text}${clock}` : text)
    : Number.NaN
  if (Number.isNaN(time)) {
    const short = towards === 'past' ? '8h for eight hours ago' : '14d for two weeks from now'
    const cure = `write 2026-11-20T03:00:00Z, 2026-11-20, or ${short}`
    throw new CommandFailure('usage', `${option} ${JSON.stringify(text)} is no time; ${cure}`)
  }
  return new Date(time).toISOString()
}

/**
 * How long, in ms. Throws `CommandFailure` with `usage`.
 *
 * @param option what it was given to, for the message
 */
export function readDuration(
  option: string,
  text: string,
  { like = '5m', atLeastMs = 0 }: { readonly like?: string; readonly atLeastMs?: number } = {},
): number {
  const durationMs = parseDuration(text)
  if (durationMs !== undefined && durationMs >= atLeastMs) return durationMs
  const fault = durationMs === undefined ? 'no duration' : 'too short'
  throw new CommandFailure('usage', `${option} ${JSON.stringify(text)} is ${fault}; write ${like}`)
}

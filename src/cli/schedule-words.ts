import { type Static, Type } from 'typebox'
import { parseDuration } from '../config/quantity.ts'
import { isRecurrenceFault, parseRecurrence } from '../config/recurrence.ts'
import { orNothing, text } from './answers.ts'
import { CommandFailure } from './command-failure.ts'
import { changed, storedOn } from './operator-words.ts'
import { formatAge, properties } from './print.ts'
import type { Line } from './table.ts'

const schedule = {
  name: Type.String(),
  every: Type.String(),
  timeZone: Type.String(),
  jitterSeconds: Type.Number(),
  images: Type.Array(Type.String()),
  scope: Type.String(),
  scopeNodes: Type.Optional(Type.Array(Type.String())),
  scopeCopies: Type.Optional(Type.Number()),
  platforms: Type.Optional(Type.Array(Type.String())),
  concurrency: Type.Optional(Type.Number()),
  referrers: Type.Optional(Type.Boolean()),
  configured: Type.Boolean(),
  nextAt: text,
  job: text,
  note: text,
  author: text,
  setAt: text,
  version: text,
}

/** `GET /api/v1/schedules` */
export const schedulesAnswer = Type.Object({ items: Type.Array(Type.Object(schedule)) })

/** `GET` of a schedule */
export const scheduleAnswer = Type.Object(schedule)

/** `PUT` of a schedule */
export const scheduleChangeAnswer = Type.Object({
  ...schedule,
  changed,
  before: orNothing(Type.Object(schedule)),
  storedOn,
})

/** `DELETE` of a schedule */
export const scheduleRemovalAnswer = Type.Object({ name: Type.String(), changed, storedOn })

export type ScheduleChangeAnswer = Static<typeof scheduleChangeAnswer>
export type ScheduleItem = Static<typeof schedulesAnswer>['items'][number]

/** Path of a schedule. */
export const schedulePath = (name: string): string =>
  `/api/v1/schedules/${encodeURIComponent(name)}`

/** What a schedule is, below its name. */
export const scheduleLines = (
  item: ScheduleItem,
  more: Parameters<typeof properties>[0] = [],
): readonly Line[] => properties([...scheduleProperties(item), ['next here', item.nextAt], ...more])

/** What a schedule was whose place another one took. */
export const replacedLines = ({ before }: ScheduleChangeAnswer): readonly Line[] =>
  before == null
    ? []
    : [
        '',
        'until now it was',
        ...properties([...scheduleProperties(before), ['said at', before.setAt]]),
      ]

/** Images that are told by their names. */
const mostNamed = 5

const scheduleProperties = (item: ScheduleItem): Parameters<typeof properties>[0] => [
  ['images', item.images.length > mostNamed ? String(item.images.length) : item.images.join(', ')],
  ['platforms', item.platforms?.join(', ')],
  ['referrers', item.referrers === true ? 'with them' : undefined],
  ['on', nodesOf(item)],
  ['every', `${item.every} (${item.timeZone})`],
  ['jitter', formatAge(item.jitterSeconds)],
  ['note', item.note],
  ['author', item.author],
]

/** Who fetches. */
export function nodesOf({ scope, scopeNodes = [], scopeCopies }: ScheduleItem): string {
  if (scope === 'nodes') return scopeNodes.join(', ')
  return scope === 'copies' ? `${scopeCopies} of the nodes` : 'all nodes'
}

/** When it recurs, checked before anybody is asked. Throws `CommandFailure` with `usage`. */
export function readTimes(options: Readonly<Record<string, string | undefined>>) {
  const { every } = options
  const timeZone = options['time-zone']
  if (every === undefined) {
    throw new CommandFailure('usage', "say when: --every '0 3 * * *' is 3:00 every day")
  }
  const times = parseRecurrence(every, timeZone)
  if (isRecurrenceFault(times)) {
    throw new CommandFailure(
      'usage',
      `--every ${JSON.stringify(every)} ${times.problem}; ${times.cure}`,
    )
  }
  return { every, timeZone, jitterSeconds: readJitter(options['jitter']) }
}

function readJitter(written: string | undefined): number | undefined {
  if (written === undefined) return undefined
  const ms = parseDuration(written)
  if (ms !== undefined && ms <= 24 * 3_600_000) return Math.round(ms / 1_000)
  throw new CommandFailure(
    'usage',
    `--jitter ${JSON.stringify(written)} is no duration up to a day; write 30s, 10m or 2h`,
  )
}

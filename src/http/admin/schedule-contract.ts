import { type Static, Type } from 'typebox'
import { maxJitterMs } from '../../keep/warm-schedule.ts'
import { jobBody, toldTask } from './job-contract.ts'
import { asOf, before, changed, described, optionalText, storedOn, text, time } from './shapes.ts'

const { from: _, ...task } = jobBody.properties

/** `PUT /api/v1/schedules/{name}` */
export const scheduleBody = Type.Object(
  {
    ...task,
    every: described(
      Type.String({ minLength: 1, maxLength: 200 }),
      'A cron expression: minute, hour, day of the month, month and day of the week; seconds may stand before them.',
    ),
    timeZone: described(
      Type.String({ minLength: 1, maxLength: 100, default: 'UTC' }),
      'In which it is read, as in `Europe/Berlin`.',
    ),
    jitterSeconds: described(
      Type.Integer({ minimum: 0, maximum: maxJitterMs / 1_000, default: 600 }),
      'Up to how much later nodes begin, each always by the same.',
    ),
  },
  { additionalProperties: false },
)

const schedule = {
  name: text,
  every: text,
  timeZone: text,
  jitterSeconds: Type.Integer(),
  images: Type.Array(text),
  ...toldTask,
  configured: described(
    Type.Boolean(),
    'It stands in the configuration of this node, and is for this node alone.',
  ),
  setAt: described(Type.Optional(time), 'What was due before is not made up for.'),
  note: optionalText,
  author: optionalText,
  version: described(optionalText, 'As in `ETag`; `If-Match` takes it.'),
  nextAt: described(
    Type.Optional(time),
    'When this node begins next if it is online then and not at work on the last one; absent: never, or it is for other nodes.',
  ),
  job: described(optionalText, 'Id of the newest run, as `GET /api/v1/jobs/{id}` has it.'),
}

/** `GET /api/v1/schedules/{name}` */
export const scheduleAnswer = Type.Object({ ...asOf, ...schedule })

/** `GET /api/v1/schedules` */
export const schedulesAnswer = Type.Object({ ...asOf, items: Type.Array(Type.Object(schedule)) })

const { nextAt: _nextAt, job: _job, ...said } = schedule
const change = { removed: Type.Boolean(), changed, before: before(said), storedOn }

/** `PUT /api/v1/schedules/{name}` */
export const scheduleChangeAnswer = Type.Object({ ...asOf, ...schedule, ...change })

/** `DELETE /api/v1/schedules/{name}`: what was removed; of what was not there nothing but its name. */
export const scheduleRemovalAnswer = Type.Object({
  ...asOf,
  ...Type.Partial(Type.Object(schedule)).properties,
  name: text,
  ...change,
})

export type ScheduleAnswer = Static<typeof scheduleAnswer>
export type SchedulesAnswer = Static<typeof schedulesAnswer>
export type ScheduleChangeAnswer = Static<typeof scheduleChangeAnswer>
export type ScheduleRemovalAnswer = Static<typeof scheduleRemovalAnswer>

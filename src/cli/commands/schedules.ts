import { findAdmin } from '../admin-address.ts'
import { createAdminApi } from '../admin-api.ts'
import type { RunCommand } from '../command.ts'
import { print } from '../print.ts'
import {
  nodesOf,
  type ScheduleItem,
  scheduleAnswer,
  scheduleLines,
  schedulePath,
  schedulesAnswer,
} from '../schedule-words.ts'
import { columns, type Line } from '../table.ts'

/** `holdfast schedules [NAME]` */
export const run: RunCommand = async context => {
  const api = createAdminApi(await findAdmin(context))
  const [name] = context.words
  if (name !== undefined) {
    const one = await api.get(schedulePath(name), {}, scheduleAnswer)
    print(context, one, () => describe(one))
    return 'ok'
  }
  const answer = await api.get('/api/v1/schedules', {}, schedulesAnswer)
  print(context, answer, () => lines(answer.items))
  return 'ok'
}

function lines(items: readonly ScheduleItem[]): readonly Line[] {
  if (items.length === 0)
    return ["no schedule; `holdfast schedule NAME IMAGE… --every '0 3 * * *'` makes one"]
  const rows = items.map(item => [
    item.name,
    item.every,
    item.timeZone,
    String(item.images.length),
    item.configured ? 'this node, by its configuration' : nodesOf(item),
    item.nextAt ?? '',
    item.job ?? '',
  ])
  return columns([['NAME', 'EVERY', 'IN', 'IMAGES', 'ON', 'NEXT HERE', 'NEWEST RUN'], ...rows])
}

/** All of one: its images by their names, however many. */
function describe(item: ScheduleItem): readonly Line[] {
  const { images, setAt, job } = item
  return [
    `${item.name} recurs${item.configured ? ', by the configuration of this node' : ''}`,
    ...scheduleLines(item, [
      ['newest run', job],
      ['since', setAt],
    ]),
    '',
    'images:',
    ...images.map(image => `  ${image}`),
  ]
}

import { findAdmin } from '../admin-address.ts'
import { createAdminApi } from '../admin-api.ts'
import type { RunCommand } from '../command.ts'
import { print } from '../print.ts'
import { nodesOf, type ScheduleItem, schedulesAnswer } from '../schedule-words.ts'
import { columns, type Line } from '../table.ts'

/** `holdfast schedules` */
export const run: RunCommand = async context => {
  const api = createAdminApi(await findAdmin(context))
  const answer = await api.get('/api/v1/schedules', {}, schedulesAnswer)
  print(context, answer, () => lines(answer.items))
  return 'ok'
}

function lines(items: readonly ScheduleItem[]): readonly Line[] {
  if (items.length === 0) return ['nothing recurs']
  const rows = items.map(item => [
    item.name,
    item.every,
    item.timeZone,
    String(item.images.length),
    item.configured ? 'this node, by its configuration' : nodesOf(item),
    item.nextAt ?? 'never',
    item.job ?? '',
  ])
  return columns([['NAME', 'EVERY', 'IN', 'IMAGES', 'ON', 'NEXT HERE', 'NEWEST RUN'], ...rows])
}

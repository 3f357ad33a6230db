import type { RunCommand } from '../command.ts'
import { openSetup, orFail, outcomeRow } from '../containerd-words.ts'
import { print } from '../print.ts'
import { columns } from '../table.ts'

/** `holdfast containerd alone` */
export const run: RunCommand = async context => {
  const setup = await openSetup(context)
  const items = await orFail(setup.leaveAlone())
  print(context, { certsDir: setup.certsDir, items }, () =>
    items.length === 0
      ? [`nothing could stand behind the mirror by ${setup.certsDir}`]
      : columns(items.map(outcomeRow)),
  )
  return 'ok'
}

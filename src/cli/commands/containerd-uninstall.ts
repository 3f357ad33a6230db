import type { RunCommand } from '../command.ts'
import { openSetup, orFail, outcomeRow } from '../containerd-words.ts'
import { print } from '../print.ts'
import { columns } from '../table.ts'

/** `holdfast containerd uninstall` */
export const run: RunCommand = async context => {
  const setup = await openSetup(context)
  const items = await orFail(setup.uninstall({ force: context.options['force'] !== undefined }))
  const isRefused = items.some(({ outcome }) => outcome === 'refused')
  print(context, { certsDir: setup.certsDir, items }, () =>
    items.length === 0
      ? [`nothing was installed in ${setup.certsDir}`]
      : columns(items.map(outcomeRow)),
  )
  return isRefused ? 'failed' : 'ok'
}

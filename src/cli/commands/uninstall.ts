import type { RunCommand } from '../command.ts'
import { orFail, outcomeRow } from '../containerd-words.ts'
import { formatBytes, print } from '../print.ts'
import { readDuration } from '../read-time.ts'
import { requireConfig } from '../require-config.ts'
import { columns } from '../table.ts'
import type { RemovedDirectory, UninstallReport } from '../uninstall-node.ts'

/** `holdfast uninstall` */
export const run: RunCommand = async context => {
  const { options } = context
  const waitMs = readDuration('--wait', options['wait'] ?? '0s')
  const config = await requireConfig(context)
  const { uninstallNode } = await context.parts.loadUninstall()
  const order = {
    keepData: options['keep-data'] !== undefined,
    force: options['force'] !== undefined,
    waitMs,
  }
  const report = await orFail(uninstallNode(config, order), 'it is not all of this user')
  print(context, report, () => columns(rowsOf(report)))
  return report.data === undefined ? 'failed' : 'ok'
}

function rowsOf({ hosts, containerd, data }: UninstallReport): readonly string[][] {
  if (containerd === undefined || data === undefined) {
    return [...hosts.map(outcomeRow), ['not yet', 'all else: mend that, and run it again']]
  }
  const { socket, leases, unpinned = [], names = [] } = containerd
  return [
    ...hosts.map(outcomeRow),
    ...(leases === undefined ? [['absent', `containerd (${socket})`]] : []),
    ...(leases ?? []).map(id => ['removed', `lease ${id}`]),
    ...unpinned.map(name => ['unpinned', name]),
    ...names.map(name => ['removed', `name ${name}`]),
    ...data.flatMap(tellDirectory),
  ]
}

function tellDirectory(removed: RemovedDirectory) {
  const { path, outcome, files = 0, bytes = 0, left = [], links = [] } = removed
  const whyLeft = (other: string) => (links.includes(other) ? 'a link' : 'not made by Holdfast')
  switch (outcome) {
    case 'removed':
      return [
        ['removed', `${path} (${files} files, ${formatBytes(bytes)})`],
        ...left.map(other => ['left', `${other}: ${whyLeft(other)}`]),
      ]
    case 'foreign':
      return [['left', `${path}: not a data directory of Holdfast`]]
    default:
      return [[outcome, path]]
  }
}

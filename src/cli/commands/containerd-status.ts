import type { RunCommand } from '../command.ts'
import type { HostsState } from '../containerd-setup.ts'
import { openSetup, orFail } from '../containerd-words.ts'
import { print } from '../print.ts'
import { columns } from '../table.ts'

/** `holdfast containerd status` */
export const run: RunCommand = async context => {
  const setup = await openSetup(context)
  const items = await orFail(setup.status())
  print(context, { certsDir: setup.certsDir, items }, () => [
    `in ${setup.certsDir}:`,
    ...columns([['REGISTRY', 'FILE', 'BEHIND', 'ASKS'], ...items.map(rowOf)]),
    ...new Set(
      items.flatMap(({ whyAlone }) => (whyAlone ? [`auto is none here: ${whyAlone}`] : [])),
    ),
  ])
  return 'ok'
}

function rowOf({ registry, owner, fallback, behind, problem, asks }: HostsState): string[] {
  const asked = asks.length === 0 ? ['the registry itself'] : asks
  return [
    registry,
    problem === undefined ? tellOwner[owner] : `ignored by containerd: ${problem}`,
    behind === undefined ? (fallback ?? '') : `auto: ${behind} now`,
    asked.join(', then '),
  ]
}

const tellOwner = {
  nobody: 'none',
  holdfast: 'installed',
  edited: 'installed, then changed',
  k3s: 'written by K3s',
  other: "somebody else's",
} as const satisfies Record<HostsState['owner'], string>

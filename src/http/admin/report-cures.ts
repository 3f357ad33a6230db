import type { OfflineReport } from '../../keep/offline-report.ts'
import type { Mending } from '../../keep/plan-mend.ts'
import { registriesOf } from '../../keep/registry-reach.ts'
import { defined, isoOf } from './describe.ts'
import type { ReportAnswer } from './report-contract.ts'

/** Whether what is missing could be fetched now: each registry, by what each node knows of it. @param nowMs the time of the report */
export function tellRegistries(
  { nodes, images }: Pick<OfflineReport, 'nodes' | 'images'>,
  nowMs: number,
): ReportAnswer['registries'] {
  return registriesOf(images.map(({ wanted }) => wanted)).map(registry => ({
    registry,
    nodes: nodes.flatMap(({ name, reaches }) => {
      const reach = reaches.get(registry)
      if (reach === undefined) return []
      const { state, forMs } = reach
      const at = isoOf(forMs === undefined ? undefined : nowMs - forMs)
      const when = state === 'down' ? { downSince: at } : { answeredAt: at }
      return [{ node: name, state, ...defined(when) }]
    }),
  }))
}

/** The warm job that would fetch it. Nodes are named by their ids: names may be those of several. */
export function tellMending({
  images,
  leftOut,
  scope,
  referrers,
  bytes,
  unsized,
}: Mending): NonNullable<ReportAnswer['mend']> {
  const who = 'copies' in scope ? scope : { nodes: scope.nodes.map(({ id }) => id) }
  const job = { images: [...images], ...who, ...(referrers && { referrers }) }
  return { job, bytes, unsized, leftOut }
}

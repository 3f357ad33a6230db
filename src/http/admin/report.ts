import type {
  MakeReport,
  OfflineReport,
  ReportedImage,
  Verdict,
} from '../../keep/offline-report.ts'
import type { WantedImage } from '../../keep/wanted-images.ts'
import { formatTag, parseTag, type TagReference } from '../../oci/reference.ts'
import type { NodeId } from '../../ports/node-id.ts'
import { defined, isoOf } from './describe.ts'
import { type FoundNode, findNode, type KnownNodes } from './find-node.ts'
import type { AddOperation } from './operation.ts'
import { operations } from './operations.ts'
import type { ReportAnswer } from './report-contract.ts'

/** Makes offline reports. */
export interface ReportSource {
  readonly make: MakeReport
  /** What must stay available, up to `limit` tags. */
  readonly keepSet: (limit: number) => Promise<readonly WantedImage[]>
  readonly named: (key: TagReference) => WantedImage
}

/** The longest that a report takes, ms. */
const withinMs = 30_000

/** Adds the offline report. */
export function addReport(
  add: AddOperation,
  {
    report,
    nodes,
    asOf,
  }: {
    readonly report: ReportSource
    readonly nodes: KnownNodes
    readonly asOf: () => { readonly node: string; readonly asOf: string }
  },
): void {
  add(operations.report, async ({ query: { ref, node, limit } }) => {
    const named = [
      ...new Map(ref.map(text => [formatTag(parseTag(text)), parseTag(text)])).values(),
    ]
    const found = ref.length > 0 ? named.map(report.named) : await report.keepSet(limit + 1)
    const images = found.slice(0, ref.length > 0 ? found.length : limit)
    const only = node === undefined ? undefined : idOf(findNode(node, nodes), nodes)
    const isMeant = ({ id }: { readonly id: NodeId }) => only === undefined || id === only
    const made = await report.make(images, { only: isMeant, signal: AbortSignal.timeout(withinMs) })
    const judged = made.nodes.filter(isMeant)
    return { ...asOf(), ...tell(made, judged), truncated: found.length > images.length }
  })
}

const idOf = (found: FoundNode, { self }: KnownNodes): NodeId =>
  found.isSelf ? self.id : found.member.id

function tell(
  { verdict, images }: OfflineReport,
  judged: OfflineReport['nodes'],
): Omit<ReportAnswer, 'node' | 'asOf' | 'truncated'> {
  const count = (wanted: Verdict) => images.filter(image => image.verdict === wanted).length
  const nameOf = new Map(judged.map(({ id, name }) => [id, name]))
  return {
    verdict,
    counts: { ready: count('ready'), atRisk: count('at-risk'), notReady: count('not-ready') },
    nodes: judged.map(({ id, name, platforms, isHeard }) => ({
      id,
      name,
      platforms: [...platforms],
      heard: isHeard,
    })),
    items: images.map(image => describe(image, nameOf)),
  }
}

function describe(
  { wanted, verdict, standings, copies, gaps, older }: ReportedImage,
  nameOf: ReadonlyMap<string, string>,
): ReportAnswer['items'][number] {
  const { key, why, digests, confirmedAtMs } = wanted
  return {
    reference: formatTag(key),
    verdict,
    why,
    standings: [...standings].map(([id, standing]) => ({ node: nameOf.get(id) ?? id, standing })),
    copies: [...copies],
    missing: gaps.map(({ digest, kind, size }) => ({ digest, kind, ...defined({ size }) })),
    ...defined({ digest: digests[0], confirmedAt: isoOf(confirmedAtMs), olderDigest: older }),
  }
}

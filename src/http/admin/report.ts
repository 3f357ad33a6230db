import type {
  MakeReport,
  OfflineReport,
  ReportedImage,
  Verdict,
} from '../../keep/offline-report.ts'
import { planMend } from '../../keep/plan-mend.ts'
import type { ListRunning } from '../../keep/running-images.ts'
import type { UnmetPattern } from '../../keep/unmet-keeps.ts'
import type { WantedImage } from '../../keep/wanted-images.ts'
import { formatReference, type ImageName, parseReference } from '../../oci/reference.ts'
import type { NodeId } from '../../ports/node-id.ts'
import { defined, isoOf } from './describe.ts'
import { findNode, type KnownNodes, tellBanned } from './find-node.ts'
import type { AddOperation } from './operation.ts'
import { operations } from './operations.ts'
import { ProblemError } from './problem.ts'
import { QueryFault } from './read-query.ts'
import type { ReportAnswer } from './report-contract.ts'
import { tellMending, tellRegistries } from './report-cures.ts'

/** Makes offline reports. */
export interface ReportSource {
  readonly make: MakeReport
  /** How many nodes are to hold an image where there are so many. */
  readonly copies: number
  /** Why this node reaches no other, with what to do; `undefined`: it does, or there is none. */
  readonly cutOff: () => string | undefined
  /** What must stay available, up to `limit` images; those that are kept by their names also while nothing is known of them. */
  readonly keepSet: (limit: number) => Promise<readonly WantedImage[]>
  /** Patterns that are kept and that no image of the keep set fits. */
  readonly emptyKeeps: (images: readonly WantedImage[]) => readonly UnmetPattern[]
  /** It is a tag that is pinned or kept: nodes fetch what they lack of it. */
  readonly isKept: (key: ImageName) => boolean
  readonly named: (key: ImageName, why?: 'running' | 'named') => WantedImage
  /** What the pods of all nodes run now. */
  readonly running: ListRunning
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
  add(operations.report, async ({ query: { ref, running, node, limit } }) => {
    const signal = AbortSignal.timeout(withinMs)
    const only = node?.split(',').map(word => judgedId(word, nodes))
    const isMeant = ({ id }: { readonly id: NodeId }) => only === undefined || only.includes(id)
    if (running && ref.length > 0) throw new QueryFault('ref and running: name one of them')
    const seen = running ? await report.running(signal) : undefined
    const found = await list(ref, seen, only, limit)
    const images = found.slice(0, ref.length > 0 ? found.length : limit)
    const made = await report.make(images, { only: isMeant, signal })
    const mending = planMend(made, { copies: report.copies, only })
    const judged = made.nodes.filter(isMeant)
    const pods = seen?.nodes.filter(isMeant).map(({ id: _, failure, ...one }) => ({
      ...one,
      ...defined({ failure }),
    }))
    const truncated = found.length > images.length
    const isKeepSet = ref.length === 0 && !running && !truncated
    const unmet = isKeepSet ? report.emptyKeeps(images) : []
    const now = asOf()
    return {
      ...now,
      ...tell(made, judged, { isKept: report.isKept, unmet }),
      truncated,
      emptyKeeps: unmet.map(({ pattern }) => pattern),
      registries: tellRegistries(made, Date.parse(now.asOf)),
      ...defined({ pods, cutOff: report.cutOff(), mend: mending && tellMending(mending) }),
    }
  })

  async function list(
    ref: readonly string[],
    seen: Awaited<ReturnType<ListRunning>> | undefined,
    only: readonly NodeId[] | undefined,
    limit: number,
  ): Promise<readonly WantedImage[]> {
    if (ref.length > 0) return distinct(ref).map(name => report.named(name))
    if (seen === undefined) return report.keepSet(limit + 1)
    const here = seen.images.filter(
      image => only === undefined || only.some(id => image.nodes.includes(id)),
    )
    return distinct(here.map(({ name }) => name)).map(name => report.named(name, 'running'))
  }
}

/** Each image once; a digest decides. Throws `OciError`. */
function distinct(texts: readonly string[]): readonly ImageName[] {
  const names = texts.map(text => {
    const { tag, digest, ...repository } = parseReference(text)
    return digest === undefined ? { ...repository, tag } : { ...repository, digest }
  })
  return [...new Map(names.map(name => [formatReference(name), name])).values()]
}

/** Throws `ProblemError` as `findNode` does, and 409 for a banned one. */
function judgedId(word: string, nodes: KnownNodes): NodeId {
  const found = findNode(word, nodes)
  if (found.isSelf) return nodes.self.id
  const { id, name } = found.member
  if (nodes.isBanned?.(id) === true) throw new ProblemError(409, tellBanned(name))
  return id
}

function tell(
  { verdict, nodes, images }: OfflineReport,
  judged: OfflineReport['nodes'],
  { isKept, unmet }: Pick<ReportSource, 'isKept'> & { readonly unmet: readonly UnmetPattern[] },
): Omit<ReportAnswer, 'node' | 'asOf' | 'truncated' | 'emptyKeeps' | 'registries' | 'mend'> {
  const count = (wanted: Verdict) => images.filter(image => image.verdict === wanted).length
  const unmetKeeps = unmet.filter(({ isSaid }) => isSaid).length
  const nameOf = new Map(nodes.map(({ id, name }) => [id, name]))
  return {
    // What an operator wants to have offline is not there, whatever it is called.
    verdict: verdict === 'ready' && unmetKeeps > 0 ? 'at-risk' : verdict,
    counts: {
      ready: count('ready'),
      atRisk: count('at-risk'),
      notReady: count('not-ready'),
      unmetKeeps,
    },
    nodes: judged.map(({ id, name, platforms, isHeard, isFull }) => ({
      id,
      name,
      platforms: [...platforms],
      heard: isHeard,
      full: isFull,
    })),
    items: images.map(image => ({
      ...describe(image, nameOf),
      kept: image.wanted.why !== 'named' || isKept(image.wanted.key),
    })),
  }
}

function describe(
  image: ReportedImage,
  nameOf: ReadonlyMap<string, string>,
): Omit<ReportAnswer['items'][number], 'kept'> {
  const { wanted, verdict, standings, copies, gaps, older, referrers, moreReferrers } = image
  const nameOfNode = (id: string): string => nameOf.get(id) ?? id
  const { key, why, isPinned, digests, confirmedAtMs, blocked } = wanted
  return {
    reference: formatReference(key),
    verdict,
    why,
    pinned: isPinned,
    standings: [...standings].map(([id, standing]) => ({ node: nameOfNode(id), standing })),
    copies: [...copies],
    holders: image.holders.map(nameOfNode),
    noRoom: [...image.noRoom].map(([id, { why, ...sizes }]) => ({
      node: nameOfNode(id),
      why,
      ...defined(sizes),
    })),
    missing: gaps.map(({ digest, kind, size }) => ({ digest, kind, ...defined({ size }) })),
    referrers: referrers.map(({ artifactType, ...one }) => ({
      ...one,
      ...defined({ artifactType }),
    })),
    moreReferrers,
    ...defined({
      digest: digests[0],
      confirmedAt: isoOf(confirmedAtMs),
      olderDigest: older,
      blocked,
    }),
  }
}

import type { Digest } from '../oci/digest.ts'
import { formatReference } from '../oci/reference.ts'
import type { NodeId } from '../ports/node-id.ts'
import type { OfflineReport, ReportedImage, ReportedNode } from './offline-report.ts'
import type { Standing } from './outlook.ts'
import { isWorthAsking } from './registry-reach.ts'
import { maxWarmImages } from './warm-job.ts'

/** What a warm job would fetch so that a report becomes ready. */
export interface Mending {
  /** References, the worst first; what needs no registry by its digest, for then nobody is asked what the tag stands for. */
  readonly images: readonly string[]
  /** More than one job may name: they are left for the next. */
  readonly leftOut: number
  /** Who is to have them. */
  readonly scope: MendScope
  /** With what refers to them. */
  readonly referrers: boolean
  /** What no node holds of those whose manifests are known. */
  readonly bytes: number
  /** The others. */
  readonly unsized: number
}

/** So many nodes of those that are to hold an image, or these nodes. */
export type MendScope =
  | { readonly copies: number }
  | { readonly nodes: readonly Pick<ReportedNode, 'id'>[] }

type Reported = Pick<OfflineReport, 'nodes' | 'images'>

/** All of them are told to every node in one record. */
const maxNamesLength = 16 * 1024
const maxNodes = 50

/**
 * Picks what can be fetched of what is not ready; `undefined`: nothing. Not what is for no node here, nor what a block takes away, nor what no
 * node holds while no registry can be reached, nor what fits the store of no node that lacks it. What refers to images and is on too few nodes is fetched with them where all their
 * registries answer: such a job waits for these, and no image is to wait for a signature.
 *
 * @param settings.copies how many nodes are to hold an image where there are so many
 * @param settings.only the nodes that are judged, where not all are
 */
export function planMend(
  report: Reported,
  settings: {
    readonly copies: number
    readonly only: readonly NodeId[] | undefined
  },
): Mending | undefined {
  const worstFirst = report.images.toSorted((a, b) => rank(a) - rank(b))
  const faulty = worstFirst.flatMap(image => {
    const reference = fetchable(image, report)
    return reference === undefined ? [] : [{ image, reference }]
  })
  const found = [...faulty, ...lackingReferrers(report, faulty)]
  const taken = found.slice(0, countNamed(found.map(({ reference }) => reference)))
  const scope = scopeOf(taken, report, settings)
  if (taken.length === 0 || scope === undefined) return undefined
  const isAnswering = taken.every(({ image }) => answers(image, report))
  const sized = taken.filter(({ image }) => isSized(image))
  const sizes = new Map<Digest, number>()
  for (const { image } of sized) {
    for (const { digest, size } of image.gaps) sizes.set(digest, size ?? 0)
  }
  return {
    images: taken.map(({ reference }) => reference),
    leftOut: found.length - taken.length,
    scope,
    referrers: isAnswering && taken.some(({ image }) => lacksReferrers(image)),
    bytes: [...sizes.values()].reduce((sum, size) => sum + size, 0),
    unsized: taken.length - sized.length,
  }
}

interface Found {
  readonly image: ReportedImage
  readonly reference: string
}

/** Images of which nothing else is to be fetched; none where others would have to wait for it. */
function lackingReferrers(report: Reported, faulty: readonly Found[]): readonly Found[] {
  if (!faulty.every(({ image }) => answers(image, report))) return []
  const others = report.images.filter(image => faulty.every(one => one.image !== image))
  return others
    .filter(image => lacksReferrers(image) && answers(image, report))
    .map(image => ({ image, reference: formatReference(image.wanted.key) }))
}

const lacksReferrers = ({ referrers }: ReportedImage): boolean =>
  referrers.some(({ held, wanted }) => held < wanted)

/** Some node had an answer of its registry when it last asked. */
const answers = ({ wanted }: ReportedImage, { nodes }: Reported): boolean =>
  nodes.some(({ reaches }) => reaches.get(wanted.key.registry)?.state === 'answers')

const rank = ({ verdict }: ReportedImage): number => ['not-ready', 'at-risk'].indexOf(verdict)

/** What a job has to name; `undefined`: fetching mends nothing, or nothing is to be fetched from. */
function fetchable(image: ReportedImage, { nodes }: Reported): string | undefined {
  const { key, digests, blocked } = image.wanted
  const [newest] = digests
  if (!isFaulty(image, nodes) || (newest === undefined && blocked !== undefined)) return undefined
  if (nodes.some(({ reaches }) => isWorth(reaches.get(key.registry)))) return formatReference(key)
  const isHeld = newest !== undefined && image.gaps.length === 0 && !has(image, 'unaware')
  return isHeld ? formatReference({ ...key, tag: undefined, digest: newest }) : undefined
}

const isWorth = (reach: Parameters<typeof isWorthAsking>[0] | undefined): boolean =>
  reach !== undefined && isWorthAsking(reach)

const has = ({ standings }: ReportedImage, standing: Standing): boolean =>
  [...standings.values()].includes(standing)

/** Some node that is there lacks what it, or another with its platforms, could have. */
function isFaulty(image: ReportedImage, nodes: readonly ReportedNode[]): boolean {
  const { standings, copies, wanted, noRoom } = image
  const takers = nodes.filter(({ id, isHeard }) => isHeard && !noRoom.has(id))
  if (wanted.digests.length === 0) return takers.length > 0
  const isForNobody = standings.size > 0 && [...standings.values()].every(one => one === 'not-for')
  if (isForNobody) return false
  const takersFor = (platform: string): number =>
    takers.filter(({ platforms }) => platforms.includes(platform)).length
  const isThin = copies.some(
    ({ platform, held, wanted }) => held < Math.min(wanted, takersFor(platform)),
  )
  const torn = nodes.filter(({ id }) => tornStandings.includes(standings.get(id)))
  return isThin || torn.some(({ platforms }) => platforms.some(takersFor))
}

const tornStandings: readonly (Standing | undefined)[] = ['unaware', 'lacking', 'older']

/** Below a manifest that nobody holds nothing is known. */
const isSized = ({ wanted, gaps }: ReportedImage): boolean =>
  wanted.digests.length > 0 && gaps.every(({ kind, size }) => kind === 'blob' && size !== undefined)

/** How many of them one job may name. */
function countNamed(references: readonly string[]): number {
  let length = 0
  const end = references.findIndex(reference => {
    length += reference.length + 3
    return length > maxNamesLength
  })
  return Math.min(end < 0 ? references.length : end, maxWarmImages)
}

/**
 * Where all nodes answer and have room, those that are to hold an image; else nodes that answer, so that nothing is left to one that is away
 * or full: those that are judged where they were named, and of others as many as copies need, first those with room for most of it.
 */
function scopeOf(
  found: readonly Found[],
  { nodes }: Reported,
  { copies, only }: Parameters<typeof planMend>[1],
): MendScope | undefined {
  const noRoomFor = ({ id }: ReportedNode): number =>
    found.filter(({ image }) => image.noRoom.has(id)).length
  if (only === undefined && nodes.every(node => node.isHeard && noRoomFor(node) === 0)) {
    return { copies: Math.min(copies, nodes.length) }
  }
  const there = nodes
    .filter(node => node.isHeard && noRoomFor(node) < found.length)
    .toSorted((a, b) => noRoomFor(a) - noRoomFor(b))
  const taken = new Set(there.filter(({ id }) => only?.includes(id)))
  for (const platform of new Set(there.flatMap(({ platforms }) => platforms))) {
    const isFor = ({ platforms }: ReportedNode) => platforms.includes(platform)
    for (const node of there.filter(isFor)) {
      if ([...taken].filter(isFor).length < copies) taken.add(node)
    }
  }
  return taken.size === 0 ? undefined : { nodes: [...taken].slice(0, maxNodes) }
}

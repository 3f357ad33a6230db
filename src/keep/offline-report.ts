import type { Digest } from '../oci/digest.ts'
import { parsePlatform, runsOn } from '../oci/platform.ts'
import type { Repository } from '../oci/reference.ts'
import type { NodeId } from '../ports/node-id.ts'
import { createTurns } from '../ports/turns.ts'
import { type ReportedReferrers, type ToldReferrers, uniteReferrers } from './image-referrers.ts'
import { findNoRoom, type NoRoom, type ToldRoom } from './image-room.ts'
import {
  type Gap,
  type GapsOf,
  lookOut,
  type Outlook,
  type Standing,
  type Told,
  worstOf,
} from './outlook.ts'
import type { RegistryReach } from './registry-reach.ts'
import type { Survey } from './survey.ts'
import type { WantedImage } from './wanted-images.ts'

/**
 * `ready`: it starts on every node that answered, and as many nodes hold it as should; `at-risk`: it starts now, but fewer do, or an
 * earlier image does, or its pin is blocked; `not-ready`: somewhere it does not start.
 */
export type Verdict = 'ready' | 'at-risk' | 'not-ready'

/** A node as the report sees it. */
export interface ReportedNode {
  readonly id: NodeId
  readonly name: string
  readonly platforms: readonly string[]
  /** It said what it holds. One that did not is not judged. */
  readonly isHeard: boolean
  /** It said that its store takes nothing more. */
  readonly isFull: boolean
  /** As it said; `undefined`: it said nothing of it. */
  readonly room: ToldRoom | undefined
  /** Of the registries of the images, as it said. */
  readonly reaches: ReadonlyMap<string, RegistryReach>
}

/** What refers to its newest digest changes no verdict: images start without. */
export interface ReportedImage extends ReportedReferrers {
  readonly wanted: WantedImage
  readonly verdict: Verdict
  /** Of the nodes that were judged. */
  readonly standings: ReadonlyMap<NodeId, Standing>
  /** For each platform of some node that answered and that the image is for: how many nodes hold all of it, and how many should. */
  readonly copies: readonly {
    readonly platform: string
    readonly held: number
    readonly wanted: number
  }[]
  /** Nodes that are counted there, be they judged or not. */
  readonly holders: readonly NodeId[]
  /** Nodes that lack some of it, and whose stores cannot take it. */
  readonly noRoom: ReadonlyMap<NodeId, NoRoom>
  /** What no live node holds of the newest digest; below a manifest that nobody holds nothing is known. */
  readonly gaps: readonly Gap[]
  /** The earlier digest that is answered where the newest cannot be had. */
  readonly older: Digest | undefined
}

export interface OfflineReport {
  /** The worst of the images, at risk at best while a node that is judged does not answer; `not-ready` without any. */
  readonly verdict: Verdict
  readonly nodes: readonly ReportedNode[]
  readonly images: readonly ReportedImage[]
}

/** A node that may be asked; this one is the first. */
export type ReportingNode = Omit<ReportedNode, 'isHeard' | 'isFull' | 'room' | 'reaches'>

export interface ReportParts {
  /** This node and every member that was not forgotten. */
  readonly nodes: () => readonly ReportingNode[]
  /** What a node says that it lacks; `undefined` when it does not answer. */
  readonly survey: (
    node: NodeId,
    images: readonly WantedImage[],
    signal: AbortSignal,
  ) => Promise<Survey | undefined>
  /** What no live node holds for clients of a platform; `undefined` when the image has nothing for them. */
  readonly findGaps: (
    image: { readonly repository: Repository; readonly target: Digest; readonly platform: string },
    signal: AbortSignal,
  ) => Promise<readonly Gap[] | undefined>
  /** Bytes of all that clients of some platforms need of an image; `undefined` while some manifest of it is not known. */
  readonly sizeOf: (target: Digest, platforms: readonly string[]) => number | undefined
}

/** Tells what would start, for some images. `only`: the nodes to judge, all by default; copies are counted on all. */
export type MakeReport = (
  images: readonly WantedImage[],
  options: { readonly only?: (node: ReportingNode) => boolean; readonly signal: AbortSignal },
) => Promise<OfflineReport>

/** Images looked at side by side: each may have to wait for the index of holders. */
const atOnce = 16

/** @param settings.copies how many nodes are to hold an image where there are so many */
export function createOfflineReport(
  parts: ReportParts,
  settings: { readonly copies: number },
): MakeReport {
  return async (images, { only = () => true, signal }) => {
    const asked = parts.nodes()
    const surveys = new Map<NodeId, Survey>()
    await Promise.all(
      asked.map(async ({ id }) => {
        const said = await parts.survey(id, images, signal)
        if (said !== undefined) surveys.set(id, said)
      }),
    )
    const nodes = asked.map(node => ({
      ...node,
      isHeard: surveys.has(node.id),
      isFull: surveys.get(node.id)?.isFull === true,
      room: surveys.get(node.id)?.room,
      reaches: surveys.get(node.id)?.reaches ?? new Map<string, RegistryReach>(),
    }))
    const judged = nodes.filter(only)
    const turns = createTurns()
    const reported: ReportedImage[] = []
    for (let from = 0; from < images.length; from += atOnce) {
      const looks = images.slice(from, from + atOnce).map((wanted, at) => {
        const said = new Map([...surveys].map(([id, survey]) => [id, saidOf(survey, from + at)]))
        return judge({ wanted, nodes, judged, said }, signal)
      })
      reported.push(...(await Promise.all(looks)))
      await turns.take()
    }
    const verdicts = reported.map(({ verdict }) => verdict)
    const isOneSilent = judged.some(({ isHeard }) => !isHeard)
    return { verdict: worst(verdicts, isOneSilent), nodes, images: reported }
  }

  async function judge(
    {
      wanted,
      nodes,
      judged,
      said,
    }: {
      readonly wanted: WantedImage
      readonly nodes: readonly ReportedNode[]
      readonly judged: readonly ReportedNode[]
      readonly said: ReadonlyMap<NodeId, Said>
    },
    signal: AbortSignal,
  ): Promise<ReportedImage> {
    const known = new Map<string, Promise<readonly Gap[] | undefined>>()
    /** Who holds its config knows what an image is for; this node may have no part of it. */
    const isForOthers = (target: Digest, platform: string): boolean =>
      [...said.values()].some(({ madeFor }) => isAnother(madeFor.get(target), platform))
    /** What no live node holds. Nodes with the same platforms share the answer. */
    async function gapsOf(target: Digest, platform: string): ReturnType<GapsOf> {
      if (isForOthers(target, platform)) return undefined
      const name = `${target} ${platform}`
      const found =
        known.get(name) ?? parts.findGaps({ repository: wanted.key, target, platform }, signal)
      known.set(name, found)
      return found
    }

    const outlooks = new Map<NodeId, Outlook>()
    for (const { id, platforms } of judged) {
      const told = said.get(id)
      if (told === undefined) continue
      const each = platforms.map(platform => lookOut(wanted.digests, platform, told, gapsOf))
      outlooks.set(id, worstOf(await Promise.all(each)))
    }
    const standings = new Map([...outlooks].map(([id, { standing }]) => [id, standing]))
    const { copies, holders } = await countCopies(wanted.digests, nodes, said, gapsOf)
    const all = [...outlooks.values()]
    return {
      wanted,
      verdict: verdictOf([...standings.values()], copies, wanted),
      standings,
      copies,
      holders,
      noRoom: findAllNoRoom(wanted, nodes, { copies, holders }),
      gaps: [...new Map(all.flatMap(({ gaps }) => gaps).map(gap => [gap.digest, gap])).values()],
      older: all.find(({ older }) => older !== undefined)?.older,
      ...referrersOf([...said.values()], copies),
    }
  }

  function findAllNoRoom(
    { digests: [newest] }: WantedImage,
    nodes: readonly ReportedNode[],
    { copies, holders }: Pick<ReportedImage, 'copies' | 'holders'>,
  ): ReportedImage['noRoom'] {
    const isFor = ({ platforms }: ReportedNode): boolean =>
      newest === undefined || copies.some(({ platform }) => platforms.includes(platform))
    const noRoom = new Map<NodeId, NoRoom>()
    for (const node of nodes) {
      if (!node.isHeard || holders.includes(node.id) || !isFor(node)) continue
      const bytes = newest && parts.sizeOf(newest, node.platforms)
      const found = findNoRoom(node, bytes)
      if (found !== undefined) noRoom.set(node.id, found)
    }
    return noRoom
  }

  /** Of each platform that the image is for, among the nodes that answered. */
  async function countCopies(
    [newest]: readonly Digest[],
    nodes: readonly ReportedNode[],
    said: ReadonlyMap<NodeId, Said>,
    gapsOf: GapsOf,
  ): Promise<Pick<ReportedImage, 'copies' | 'holders'>> {
    const copies: ReportedImage['copies'][number][] = []
    const holders = new Set<NodeId>()
    const heard = nodes.filter(({ isHeard }) => isHeard)
    for (const platform of new Set(heard.flatMap(({ platforms }) => platforms))) {
      if (newest === undefined || (await gapsOf(newest, platform)) === undefined) continue
      const fit = nodes.filter(({ platforms }) => platforms.includes(platform))
      const holding = fit.filter(({ id }) => said.get(id)?.lacks.get(platform) === 0)
      for (const { id } of holding) holders.add(id)
      const wanted = Math.min(settings.copies, fit.length)
      copies.push({ platform, held: holding.length, wanted })
    }
    return { copies, holders: [...holders] }
  }
}

/** What a node said of one image. */
interface Said extends Told {
  readonly madeFor: ReadonlyMap<Digest, string>
  readonly referrers: ToldReferrers | undefined
}

function saidOf({ platforms, images }: Survey, at: number): Said {
  const { lacks = [], knows = [], madeFor = new Map(), referrers } = images[at] ?? {}
  const byPlatform = new Map(platforms.map((platform, column) => [platform, lacks[column]]))
  return { lacks: byPlatform, knows, madeFor, referrers }
}

/** As many nodes are to hold them as the image, of those that tell of them. */
function referrersOf(said: readonly Said[], copies: ReportedImage['copies']): ReportedReferrers {
  const telling = said.filter(({ referrers }) => referrers !== undefined)
  const wanted = copies.map(({ platform, wanted }) =>
    Math.min(wanted, telling.filter(({ lacks }) => lacks.has(platform)).length),
  )
  const told = telling.flatMap(({ referrers }) => referrers ?? [])
  return uniteReferrers(told, Math.max(0, ...wanted))
}

/** What cannot be read may be for anybody. */
function isAnother(told: string | undefined, platform: string): boolean {
  const own = told === undefined ? undefined : parsePlatform(told)
  const wanted = parsePlatform(platform)
  return own !== undefined && wanted !== undefined && !runsOn(own, wanted)
}

function verdictOf(
  standings: readonly Standing[],
  copies: ReportedImage['copies'],
  { blocked }: WantedImage,
): ReportedImage['verdict'] {
  const isForNobody = standings.every(standing => standing === 'not-for')
  if (isForNobody || standings.some(one => one === 'lacking' || one === 'unaware')) {
    return 'not-ready'
  }
  const isThin = copies.some(({ held, wanted }) => held < wanted)
  const isAnother = standings.includes('older') || blocked?.isPin === true
  return isThin || isAnother ? 'at-risk' : 'ready'
}

function worst(verdicts: readonly Verdict[], isOneSilent: boolean): Verdict {
  if (verdicts.length === 0 || verdicts.includes('not-ready')) return 'not-ready'
  return isOneSilent || verdicts.includes('at-risk') ? 'at-risk' : 'ready'
}

import { LRUCache } from 'lru-cache'
import type { Digest } from '../oci/digest.ts'
import type { Members } from '../ports/members.ts'
import type { NodeId } from '../ports/node-id.ts'
import type { LiveShare } from './ask-share.ts'
import type { ShareIndex } from './share-index.ts'
import type { WarmJob } from './warm-job.ts'
import type { LivePart } from './warm-runner.ts'
import { calledOff, foldShare, type ImageState, type Share } from './warm-share.ts'

/** How a job is: at work; nothing to do but wait; all there; over, and something could not be had; called off. */
export type JobState = 'running' | 'waiting' | 'done' | 'failed' | 'cancelled'

/** One node's part in a job. */
export interface NodeView {
  readonly id: NodeId
  readonly name: string
  /** It is there, as far as is known. */
  readonly isThere: boolean
  /** It was asked just now; else it is what it said when it could. */
  readonly isLive: boolean
  /** When it said so, ms since the epoch; `undefined`: it said nothing yet. */
  readonly atMs: number | undefined
  readonly share: Share | undefined
  /** What belongs to the images, where that was asked for and the node is live. */
  readonly parts: readonly LivePart[]
}

/** A job on all nodes. An image counts for each node that is to have it, and bytes likewise. */
export interface JobView {
  readonly job: WarmJob
  readonly state: JobState
  /** What it waits for. */
  readonly waitsFor: string | undefined
  readonly done: number
  /** Of those that are done: there was nothing to fetch, for they have nothing for the platforms of their node. */
  readonly unfit: number
  readonly failed: number
  readonly wanted: number
  readonly bytes: number
  readonly totalBytes: number
  readonly nodes: readonly NodeView[]
}

/** Tells how jobs are on all nodes, from any of them. */
export interface WarmViews {
  /** From what nodes said, and this one knows. */
  view(job: WarmJob): JobView
  /** Asks those that are there. Rejects only when `signal` aborts. */
  ask(job: WarmJob, withParts: boolean, signal: AbortSignal): Promise<JobView>
}

/** Shares remembered, so that no answer is behind an earlier one of this node. */
const maxRemembered = 2_000

/** Views of this node. */
export function createWarmViews(parts: {
  readonly self: { readonly id: NodeId; readonly name: string }
  readonly members: Pick<Members, 'all'>
  /** Those that are counted on, this node not among them. */
  readonly present: () => readonly { readonly id: NodeId }[]
  readonly said: Pick<ShareIndex, 'of'>
  /** Who is to hold an image where so many copies are wanted. */
  readonly ownersOf: (digest: Digest, copies: number) => readonly NodeId[]
  readonly own: (job: string, withParts: boolean) => LiveShare | undefined
  /** Asks another node; `undefined` when it does not say. */
  readonly askOther: (
    id: NodeId,
    job: WarmJob,
    withParts: boolean,
    signal: AbortSignal,
  ) => Promise<LiveShare | undefined>
  readonly nowMs: () => number
}): WarmViews {
  const { self, members, nowMs } = parts
  const remembered = new LRUCache<string, Share>({ max: maxRemembered })

  function remember(job: WarmJob, id: NodeId, share: Share): Share {
    const key = `${job.id}/${id}`
    const folded = foldShare(remembered.get(key), share)
    remembered.set(key, folded)
    return job.cancelledAtMs === undefined ? folded : calledOff(folded)
  }

  function nodesOf(job: WarmJob): readonly NodeView[] {
    const said = parts.said.of(job).byNode
    return [...participants(job, new Set(said.keys()))].map(([id, name]) => {
      const word = said.get(id)
      const state = members.all().find(member => member.id === id)?.state
      return {
        id,
        name,
        isThere: id === self.id || state === 'alive',
        isLive: false,
        atMs: word?.atMs,
        share: word && remember(job, id, word.share),
        parts: [],
      }
    })
  }

  /** By id, with their names: who is to have a part in it, and who had one. */
  function participants(job: WarmJob, withShare: ReadonlySet<NodeId>): Map<NodeId, string> {
    const names = new Map([self, ...members.all()].map(({ id, name }) => [id, name]))
    const { scope } = job
    if (scope.type === 'nodes') {
      return new Map(scope.nodes.map(({ id, name }) => [id, names.get(id) ?? name]))
    }
    const present = [self.id, ...parts.present().map(({ id }) => id)]
    const meant = new Set([...present, ...withShare])
    return new Map([...meant].map(id => [id, names.get(id) ?? id.slice(0, 12)]))
  }

  function live(node: NodeView, job: WarmJob, heard: LiveShare | undefined): NodeView {
    if (heard === undefined) return node
    const share = remember(job, node.id, heard.share)
    return { ...node, isLive: true, atMs: nowMs(), share, parts: heard.parts }
  }

  const withOwn = (job: WarmJob, withParts: boolean): readonly NodeView[] =>
    nodesOf(job).map(node =>
      node.id === self.id ? live(node, job, parts.own(job.id, withParts)) : node,
    )

  const isPresent = (id: NodeId): boolean =>
    id === self.id || parts.present().some(one => one.id === id)

  const counting = { isPresent, ownersOf: parts.ownersOf }

  return {
    view: job => judge(job, withOwn(job, false), counting),
    async ask(job, withParts, signal) {
      const nodes = withOwn(job, withParts).map(async node => {
        if (node.isLive || !node.isThere || node.id === self.id) return node
        return live(node, job, await parts.askOther(node.id, job, withParts, signal))
      })
      return judge(job, await Promise.all(nodes), counting)
    },
  }
}

/** What decides whether all of a job is done. */
interface Counting {
  /** A node is counted on. */
  readonly isPresent: (id: NodeId) => boolean
  readonly ownersOf: (digest: Digest, copies: number) => readonly NodeId[]
}

/** What the parts of all nodes come to. */
function judge(
  job: WarmJob,
  nodes: readonly NodeView[],
  { isPresent, ownersOf }: Counting,
): JobView {
  const isForCopies = job.scope.type === 'copies'
  // Whose owner is gone for good is fetched by another one; all else waits for the node that it is for.
  const counted = nodes.filter(({ id }) => !isForCopies || isPresent(id))
  const open = counted.filter(({ share }) => share === undefined || share.state !== 'ended')
  const images = nodes.flatMap(({ share }) =>
    (share?.images ?? []).filter(({ state }) => state !== 'elsewhere'),
  )
  const unheard = isForCopies ? 0 : counted.filter(({ share }) => share === undefined).length
  const count = (wanted: ImageState): number =>
    images.filter(({ state }) => state === wanted).length
  const failed = count('failed')
  const unfit = count('unfit')
  const shares = nodes.flatMap(({ share }) => share ?? [])
  const isLeftOver = hasOwnerless(job, nodes, ownersOf)
  const waits = job.cancelledAtMs === undefined ? open.map(waitOf) : []
  return {
    job,
    state: stateOf(job, { open: open.length > 0 || isLeftOver, failed, waits }),
    waitsFor: waits.find(wait => wait !== undefined),
    done: count('done') + unfit,
    unfit,
    failed,
    wanted: images.length + unheard * job.images.length,
    bytes: shares.reduce((sum, share) => sum + share.bytes, 0),
    totalBytes: shares.reduce((sum, share) => sum + share.totalBytes, 0),
    nodes,
  }
}

/** Whether an owner of some image has yet to find out that it is one, since another one left. */
function hasOwnerless(
  { scope, images }: WarmJob,
  nodes: readonly NodeView[],
  ownersOf: Counting['ownersOf'],
): boolean {
  if (scope.type !== 'copies') return false
  const shares = new Map(nodes.flatMap(({ id, share }) => (share ? [[id, share] as const] : [])))
  return images.some((_, at) => {
    const all = [...shares.values()]
    const digest = all.map(share => share.images[at]?.digest).find(one => one !== undefined)
    if (digest === undefined) return !all.some(share => isTaken(share, at))
    const owners = ownersOf(digest, scope.copies).map(id => shares.get(id))
    return owners.some(share => share === undefined || !isTaken(share, at))
  })
}

const isTaken = ({ images }: Share, at: number): boolean =>
  ['done', 'failed', 'unfit'].includes(images[at]?.state ?? 'pending')

function stateOf(
  job: WarmJob,
  {
    open,
    failed,
    waits,
  }: {
    readonly open: boolean
    readonly failed: number
    readonly waits: readonly (string | undefined)[]
  },
): JobState {
  if (job.cancelledAtMs !== undefined) return 'cancelled'
  if (!open) return failed > 0 ? 'failed' : 'done'
  const isIdle = waits.length > 0 && waits.every(wait => wait !== undefined)
  return isIdle ? 'waiting' : 'running'
}

/** What a node's share waits for; `undefined`: it is at it, or about to. */
function waitOf({ name, isThere, share }: NodeView): string | undefined {
  if (!isThere) return `${name} is away`
  if (share?.state !== 'waiting') return undefined
  const reason = share.images.find(({ state }) => state === 'waiting')?.reason
  return reason === undefined ? `${name} waits` : `${name}: ${reason}`
}

import { decodeCbor, encodeCbor, readList } from '../ledger/cbor.ts'
import { compareTexts } from '../ledger/record.ts'
import { type Digest, parseDigest } from '../oci/digest.ts'
import { formatReference, parseFullReference } from '../oci/reference.ts'
import type { NodeId } from '../ports/node-id.ts'
import type { PeerAnswer, PeerClient } from '../ports/peer-port.ts'
import { askNode } from './ask-node.ts'
import { lookWithin, type Pods, type PodsState } from './watch-pods.ts'

/** Subject on the peer port: what do your pods run? */
export const podsSubject = 'pods'

/** What the pods of one node run. */
export interface NodeImages extends PodsState {
  /** By the names that pods give them, each with a digest that runs; the same name may stand there with several. */
  readonly images: readonly { readonly name: string; readonly digest: Digest | undefined }[]
}

/** An image that pods run. */
export interface RunningImage {
  /** As pods name it: `registry/repository:tag` or `registry/repository@digest`. */
  readonly name: string
  /** Of the manifests that its containers were made from, as far as they are known: one, unless its tag moved meanwhile. */
  readonly digests: readonly Digest[]
  readonly nodes: readonly NodeId[]
}

/** Whether the pods of a node are known; `silent`: it does not answer. */
export interface AskedNode {
  readonly id: NodeId
  readonly name: string
  readonly state: PodsState['state'] | 'silent'
  readonly failure: string | undefined
}

/** Which images the pods of all nodes run now: this node and every live one is asked to look. Rejects only when `signal` aborts. */
export type ListRunning = (signal: AbortSignal) => Promise<{
  /** In the order of their names. */
  readonly images: readonly RunningImage[]
  readonly nodes: readonly AskedNode[]
}>

/** Images that one node tells of at the most. */
const maxImages = 2_000
const maxBytes = 1024 * 1024
/** A node looks anew for so long, and tells what it saw last when its runtime takes longer, ms. */
const lookMs = 2_000
const askMs = 5_000

/** What runs here, looked at now. */
async function lookHere(pods: Pick<Pods, 'look' | 'state' | 'containers'>): Promise<NodeImages> {
  await lookWithin(pods, lookMs)
  const found = new Map<string, NodeImages['images'][number]>()
  for (const { images, digest, unseenMs } of pods.containers()) {
    if (unseenMs > 0) continue
    for (const name of images) found.set(`${name} ${digest}`, { name, digest })
  }
  return { ...pods.state(), images: [...found.values()].slice(0, maxImages) }
}

/** Answers others who want to know what runs here. */
export const createPodsAnswer =
  (pods: Pick<Pods, 'look' | 'state' | 'containers'>): PeerAnswer =>
  async () => {
    const { state, failure, images } = await lookHere(pods)
    const rows = images.map(({ name, digest }) => [name, digest ?? null])
    return encodeCbor([state, failure ?? null, rows])
  }

/** Asks this node and all others that live. */
export function createListRunning(parts: {
  readonly self: { readonly id: NodeId; readonly name: string }
  readonly pods: Pick<Pods, 'look' | 'state' | 'containers'>
  /** The others that live. */
  readonly others: () => readonly { readonly id: NodeId; readonly name: string }[]
  readonly client: Pick<PeerClient, 'call'> | undefined
}): ListRunning {
  const { self, pods, client } = parts

  async function ask(id: NodeId, signal: AbortSignal): Promise<NodeImages | undefined> {
    if (id === self.id) return lookHere(pods)
    const options = { signal, timeoutMs: askMs, maxBytes }
    const answer = client && (await askNode(client, id, podsSubject, new Uint8Array(), options))
    return answer && decode(answer)
  }

  return async signal => {
    const asked = [self, ...parts.others()]
    const said = await Promise.all(
      asked.map(async ({ id, name }) => ({ id, name, told: await ask(id, signal) })),
    )
    return {
      images: unite(said.map(({ id, told }) => [id, told?.images ?? []])),
      nodes: said.map(({ id, name, told }) => ({
        id,
        name,
        state: told?.state ?? 'silent',
        failure: told?.failure,
      })),
    }
  }
}

function unite(
  told: readonly (readonly [NodeId, NodeImages['images']])[],
): readonly RunningImage[] {
  const found = new Map<string, { digests: Set<Digest>; nodes: Set<NodeId> }>()
  for (const [id, images] of told) {
    for (const { name, digest } of images) {
      const one = found.get(name) ?? { digests: new Set(), nodes: new Set() }
      if (digest !== undefined) one.digests.add(digest)
      one.nodes.add(id)
      found.set(name, one)
    }
  }
  return [...found]
    .map(([name, { digests, nodes }]) => ({ name, digests: [...digests], nodes: [...nodes] }))
    .toSorted((a, b) => compareTexts(a.name, b.name))
}

const states: readonly unknown[] = [
  'off',
  'looking',
  'seen',
  'unseen',
] satisfies PodsState['state'][]

/** `undefined` when it is no answer. Never throws. */
function decode(bytes: Uint8Array): NodeImages | undefined {
  const value = decodeCbor(bytes)
  if (!Array.isArray(value)) return undefined
  const [state, failure, rows]: readonly unknown[] = value
  const images = readList(rows, maxImages, readImage)
  if (!isState(state) || images === undefined) return undefined
  return { state, failure: typeof failure === 'string' ? failure.slice(0, 500) : undefined, images }
}

const isState = (value: unknown): value is PodsState['state'] => states.includes(value)

function readImage(row: unknown): NodeImages['images'][number] | undefined {
  if (!Array.isArray(row)) return undefined
  const [name, digest]: readonly unknown[] = row
  const reference = typeof name === 'string' ? parseFullReference(name) : undefined
  if (reference === undefined) return undefined
  const read = typeof digest === 'string' ? parseDigest(digest) : undefined
  return { name: formatReference(reference), digest: read }
}

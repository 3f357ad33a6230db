import { decodeCbor, encodeCbor, readList } from '../ledger/cbor.ts'
import { type Digest, parseDigest } from '../oci/digest.ts'
import type { NodeId } from '../ports/node-id.ts'
import { type PeerAnswer, type PeerClient, PeerFailure } from '../ports/peer-port.ts'
import { askNode } from './ask-node.ts'
import { lookWithin, type Pods } from './watch-pods.ts'

/** Subject on the peer port: what do these tags stand for in your runtime? */
export const heldTagsSubject = 'held-tags'

/** A node whose runtime has another image under a tag than it is to have. */
export interface Stray {
  readonly node: string
  /** What the tag stands for there. */
  readonly digest: Digest
}

/**
 * For each of some tags (`registry/repository:tag`, with the digest that it is to stand for) the nodes whose runtime has another one, where
 * there are any: this node and all that live are asked. A pod that pulls only what is absent starts from that one.
 */
export type FindStrays = (
  wanted: readonly { readonly tag: string; readonly digest: Digest }[],
  signal: AbortSignal,
) => Promise<ReadonlyMap<string, readonly Stray[]>>

/** Tags of one question. */
const maxTags = 1_000
const maxBytes = 512 * 1024
const lookMs = 1_000
const askMs = 2_000

type Held = readonly (Digest | undefined)[]

async function heldHere(
  pods: Pick<Pods, 'look' | 'heldUnder'>,
  tags: readonly string[],
): Promise<Held> {
  await lookWithin(pods, lookMs)
  return tags.map(pods.heldUnder)
}

/** Answers others who want to know what the runtime of this node holds. */
export const createHeldTagsAnswer =
  (pods: Pick<Pods, 'look' | 'heldUnder'>): PeerAnswer =>
  async question => {
    const value = question.byteLength > maxBytes ? undefined : decodeCbor(question)
    const tags = readList(value, maxTags, tag => (typeof tag === 'string' ? tag : undefined))
    if (tags === undefined) throw new PeerFailure('protocol', 'no tags to look for')
    return encodeCbor((await heldHere(pods, tags)).map(digest => digest ?? null))
  }

/** Asks this node and all others that live. */
export function createFindStrays(parts: {
  readonly self: { readonly id: NodeId; readonly name: string }
  readonly pods: Pick<Pods, 'look' | 'heldUnder'>
  /** The others that live. */
  readonly others: () => readonly { readonly id: NodeId; readonly name: string }[]
  readonly client: Pick<PeerClient, 'call'> | undefined
  /** Whether a digest belongs to an image: one of its platforms is that image all the same. */
  readonly isPartOf: (image: Digest, digest: Digest) => boolean
}): FindStrays {
  const { self, pods, client, isPartOf } = parts

  /** Who does not answer holds nothing that is known. */
  async function ask(id: NodeId, tags: readonly string[], signal: AbortSignal): Promise<Held> {
    if (id === self.id) return heldHere(pods, tags)
    const options = { signal, timeoutMs: askMs, maxBytes }
    const answer = client && (await askNode(client, id, heldTagsSubject, encodeCbor(tags), options))
    const held = answer && decodeCbor(answer)
    return Array.isArray(held) ? held.map(readDigest) : []
  }

  return async (wanted, signal) => {
    const asked = wanted.slice(0, maxTags)
    const tags = asked.map(({ tag }) => tag)
    const strays = new Map<string, Stray[]>()
    if (tags.length === 0) return strays
    const nodes = [self, ...parts.others()]
    const said = await Promise.all(nodes.map(({ id }) => ask(id, tags, signal)))
    for (const [row, { tag, digest: right }] of asked.entries()) {
      const found = nodes.flatMap(({ name: node }, column) => {
        const digest = said[column]?.[row]
        const isRight = digest === undefined || digest === right || isPartOf(right, digest)
        return isRight ? [] : [{ node, digest }]
      })
      if (found.length > 0) strays.set(tag, found)
    }
    return strays
  }
}

const readDigest = (value: unknown): Digest | undefined =>
  typeof value === 'string' ? parseDigest(value) : undefined

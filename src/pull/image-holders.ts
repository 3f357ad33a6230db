import type { Digest } from '../oci/digest.ts'
import { choose, type Platform } from '../oci/platform.ts'
import type { Holders } from '../ports/holders.ts'
import type { NodeId } from '../ports/node-id.ts'
import { requiredParts } from './completeness.ts'
import type { ContentGraph } from './content-graph.ts'

/** How much of an image another node says it holds. */
export interface ImageHolder {
  readonly id: NodeId
  /** Manifests and blobs of it. */
  readonly holds: number
  /** What this node's clients need, as far as it is known here; the manifest at the least. */
  readonly of: number
  /** It has nothing for this node's platforms, and of the others' manifests this one holds none. */
  readonly indexOnly?: true
}

/** Which other nodes hold an image, who holds most first. Settles within the index' budget; rejects when the signal aborts. */
export type ImageHolders = (target: Digest, signal: AbortSignal) => Promise<readonly ImageHolder[]>

/** An index in an index in an index is the deepest that is looked into. */
const maxDepth = 4
/** Parts that are looked up. */
const maxParts = 256

/** Asks the index of the mesh. */
export function createImageHolders(
  parts: {
    readonly graph: Pick<ContentGraph, 'manifest'>
    readonly holders: Pick<Holders, 'find'>
  },
  settings: { readonly platforms: readonly Platform[] },
): ImageHolders {
  const { graph, holders } = parts

  function* partsOf(digest: Digest, platform: Platform, depth = 0): Generator<Digest> {
    yield digest
    const content = graph.manifest(digest)?.content
    if (content === undefined || depth >= maxDepth) return
    if (content.kind === 'image') {
      for (const part of requiredParts(content)) yield part.digest
      return
    }
    const chosen = choose(content.manifests, platform)
    if (chosen !== undefined) yield* partsOf(chosen.digest, platform, depth + 1)
  }

  /** Of all platforms of an index. */
  function manifestsOf(digest: Digest): readonly Digest[] {
    const content = graph.manifest(digest)?.content
    return content?.kind === 'index' ? content.manifests.map(child => child.digest) : []
  }

  return async (target, signal) => {
    const wanted = settings.platforms.flatMap(platform => [...partsOf(target, platform)])
    const needed = new Set(wanted)
    const manifests = needed.size === 1 ? manifestsOf(target) : []
    const digests = [...new Set([...needed, ...manifests])].slice(0, maxParts)
    const found = await holders.find(digests, signal)
    const isIndexOnly = (id: NodeId): boolean =>
      manifests.length > 0 && !manifests.some(digest => found.get(digest)?.includes(id))
    const counts = new Map<NodeId, number>()
    for (const ids of found.values()) {
      for (const id of ids) counts.set(id, (counts.get(id) ?? 0) + 1)
    }
    return [...counts]
      .map(([id, holds]) => ({
        id,
        holds,
        of: digests.length,
        ...(isIndexOnly(id) && { indexOnly: true as const }),
      }))
      .sort((a, b) => b.holds - a.holds || (a.id < b.id ? -1 : 1))
  }
}

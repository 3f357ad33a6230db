import type { Digest } from '../oci/digest.ts'
import type { Descriptor } from '../oci/manifest.ts'
import { choose, isUnknownPlatform, type Platform } from '../oci/platform.ts'
import type { ContentGraph } from './content-graph.ts'

/** Whether content is of use to a node with clients of these platforms. */
export type PlatformFit = (digest: Digest) => (platforms: readonly Platform[]) => boolean

/**
 * Looks at the indexes that the images around a digest are in: it fits a platform if one of them would be chosen for it there. What is in
 * no index that is known, or stands in one without a platform of its own (an attestation), and indexes themselves fit everybody.
 */
export function createPlatformFit(graph: Pick<ContentGraph, 'manifest' | 'parents'>): PlatformFit {
  const kindOf = (digest: Digest) => graph.manifest(digest)?.content.kind

  function imagesOf(digest: Digest): readonly Digest[] {
    if (kindOf(digest) === 'image') return [digest]
    return [...graph.parents(digest)].filter(parent => kindOf(parent) === 'image')
  }

  function* indexesOf(image: Digest): Generator<readonly Descriptor[]> {
    for (const parent of graph.parents(image)) {
      const content = graph.manifest(parent)?.content
      if (content?.kind === 'index') yield content.manifests
    }
  }

  return digest => {
    if (kindOf(digest) === 'index') return () => true
    const places = imagesOf(digest).map(image => ({ image, indexes: [...indexesOf(image)] }))
    const isForAll =
      places.length === 0 ||
      places.some(
        ({ image, indexes }) =>
          indexes.length === 0 || indexes.some(entries => isOfNoPlatform(entries, image)),
      )
    if (isForAll) return () => true
    return platforms =>
      platforms.some(platform =>
        places.some(({ image, indexes }) =>
          indexes.some(entries => choose(entries, platform)?.digest === image),
        ),
      )
  }
}

function isOfNoPlatform(entries: readonly Descriptor[], image: Digest): boolean {
  return entries.some(
    ({ digest, platform }) =>
      digest === image && (platform === undefined || isUnknownPlatform(platform)),
  )
}

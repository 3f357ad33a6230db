import type { Digest } from '../oci/digest.ts'
import type { Descriptor, ImageManifest, Manifest } from '../oci/manifest.ts'
import { isNonDistributable } from '../oci/media-type.ts'
import { choose, type Platform } from '../oci/platform.ts'

/**
 * Everything of an image for these platforms (all that is here of it when `undefined`), parts before the whole; `undefined` when something
 * is missing.
 */
export type TreeOf = (
  digest: Digest,
  platforms: readonly Platform[] | undefined,
) => readonly Digest[] | undefined

/** Walks images by what is known of their manifests. */
export function createTreeOf({
  manifest,
  isHeld,
}: {
  readonly manifest: (digest: Digest) => { readonly content: Manifest } | undefined
  readonly isHeld: (digest: Digest) => boolean
}): TreeOf {
  const treeOf: TreeOf = (digest, platforms) => {
    const content = manifest(digest)?.content
    if (content === undefined || !isHeld(digest)) return undefined
    const below =
      content.kind === 'image' ? partsOf(content) : entriesOf(content.manifests, platforms)
    return below && [...below, digest]
  }

  function partsOf({ config, layers }: ImageManifest): readonly Digest[] | undefined {
    const needed = [config, ...layers.filter(({ mediaType }) => !isNonDistributable(mediaType))]
    const digests = needed.map(({ digest }) => digest)
    return digests.every(isHeld) ? digests : undefined
  }

  function entriesOf(
    manifests: readonly Descriptor[],
    platforms: readonly Platform[] | undefined,
  ): readonly Digest[] | undefined {
    const chosen = platforms?.map(platform => choose(manifests, platform)) ?? manifests
    const trees = chosen.map(entry => entry && treeOf(entry.digest, undefined))
    const whole = trees.filter(tree => tree !== undefined)
    const isEnough = platforms === undefined ? whole.length > 0 : whole.length === trees.length
    return isEnough ? whole.flat() : undefined
  }

  return treeOf
}

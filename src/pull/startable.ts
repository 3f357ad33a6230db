import type { Digest } from '../oci/digest.ts'
import { choose, type Platform, runsOn } from '../oci/platform.ts'
import type { Completeness } from './completeness.ts'
import type { ContentGraph } from './content-graph.ts'
import type { ImagePlatforms } from './image-platforms.ts'

/**
 * Completeness as people mean it: what would start. An image that no index tells the platform of, and whose config names another one than is
 * asked about, has nothing for that. The mirror does not judge so: containerd asks for such an image whatever its platform, and gets it.
 */
export type Startable = Pick<Completeness, 'isComplete' | 'missing' | 'needs'>

/** @param settings.platforms this node's, which are asked about by default */
export function createStartable(
  {
    graph,
    imagePlatforms,
    completeness,
  }: {
    readonly graph: Pick<ContentGraph, 'manifest'>
    readonly imagePlatforms: Pick<ImagePlatforms, 'of'>
    readonly completeness: Startable
  },
  settings: { readonly platforms: readonly Platform[] },
): Startable {
  /** What is not known may be for anybody. */
  function isFor(target: Digest, platform: Platform): boolean {
    const content = graph.manifest(target)?.content
    if (content?.kind !== 'index') {
      const own = imagePlatforms.of(target)
      return own === undefined || runsOn(own, platform)
    }
    const chosen = choose(content.manifests, platform)
    if (chosen === undefined) return false
    // containerd believes the index, and looks into the config where that says nothing.
    return chosen.platform !== undefined || isFor(chosen.digest, platform)
  }

  return {
    isComplete: (target, platforms = settings.platforms) =>
      platforms.every(platform => isFor(target, platform)) &&
      completeness.isComplete(target, platforms),
    missing: (target, platforms = settings.platforms) =>
      completeness.missing(
        target,
        platforms.filter(platform => isFor(target, platform)),
      ),
    needs: (target, platforms = settings.platforms) =>
      platforms.every(platform => isFor(target, platform))
        ? completeness.needs(target, platforms)
        : undefined,
  }
}

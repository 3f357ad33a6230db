import type { Digest } from '../oci/digest.ts'
import { choose, type Platform } from '../oci/platform.ts'
import { requiredParts } from './completeness.ts'
import type { ContentGraph } from './content-graph.ts'

/** A manifest or blob of an image, be it held or not. */
export interface ImagePart {
  readonly digest: Digest
  readonly kind: 'manifest' | 'blob'
  /** Bytes, when a manifest says it. */
  readonly size: number | undefined
}

/** All that clients of some platforms need of an image, itself first and each once, as far as its manifests are known. */
export function imageParts(
  graph: Pick<ContentGraph, 'manifest' | 'sizeOf'>,
  image: Digest,
  platforms: readonly Platform[],
): readonly ImagePart[] {
  const found = new Map<Digest, ImagePart>()

  function add(digest: Digest, kind: ImagePart['kind'], size: number | undefined): void {
    if (!found.has(digest)) found.set(digest, { digest, kind, size })
  }

  function walk(digest: Digest, size: number | undefined, platform: Platform): void {
    add(digest, 'manifest', size ?? graph.sizeOf(digest))
    const content = graph.manifest(digest)?.content
    if (content?.kind === 'image') {
      for (const part of requiredParts(content)) add(part.digest, 'blob', part.size)
    } else if (content !== undefined) {
      const chosen = choose(content.manifests, platform)
      if (chosen !== undefined) walk(chosen.digest, chosen.size, platform)
    }
  }

  for (const platform of platforms) walk(image, undefined, platform)
  return [...found.values()]
}

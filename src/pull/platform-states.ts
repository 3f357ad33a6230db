import type { Digest } from '../oci/digest.ts'
import { choose, formatPlatform, isUnknownPlatform, type Platform } from '../oci/platform.ts'
import type { MissingContent } from './completeness.ts'
import type { ContentGraph } from './content-graph.ts'
import type { ImagePlatforms } from './image-platforms.ts'
import type { Startable } from './startable.ts'

/** Whether one platform could run an image from what is held here. */
export interface PlatformState {
  /** As in `linux/amd64`. */
  readonly platform: string
  /** Clients of this node, or of another one, are of this platform; else only the image is. */
  readonly isWanted: boolean
  /** `absent`: the image has nothing for it. */
  readonly state: 'complete' | 'incomplete' | 'absent'
  /** The manifest that containerd would choose, where it is known. */
  readonly manifest: Digest | undefined
  /** What has to be fetched next: of what is not held yet nobody knows what it refers to. */
  readonly missing: readonly MissingContent[]
}

/**
 * Tells of every platform that is wanted, and of every other one that the image has, what is held. Those that are wanted come first.
 *
 * @param wanted platforms of the clients that there are
 */
export type PlatformStates = (
  target: Digest,
  wanted: readonly Platform[],
) => readonly PlatformState[]

/** Looks into memory alone. */
export function createPlatformStates(parts: {
  readonly graph: Pick<ContentGraph, 'manifest'>
  readonly imagePlatforms: Pick<ImagePlatforms, 'of'>
  readonly startable: Pick<Startable, 'isComplete' | 'missing'>
}): PlatformStates {
  const { graph, imagePlatforms, startable } = parts

  function entriesOf(target: Digest) {
    const content = graph.manifest(target)?.content
    return content?.kind === 'index' ? content.manifests : undefined
  }

  /** As its index says, or its config where it stands in none. */
  function platformsIn(target: Digest): readonly Platform[] {
    const own = imagePlatforms.of(target)
    if (own !== undefined) return [own]
    return (entriesOf(target) ?? []).flatMap(({ platform }) =>
      platform === undefined || isUnknownPlatform(platform) ? [] : platform,
    )
  }

  function chosenFor(target: Digest, platform: Platform): Digest | undefined {
    const kind = graph.manifest(target)?.content.kind
    if (kind === undefined) return undefined
    return kind === 'image' ? target : choose(entriesOf(target) ?? [], platform)?.digest
  }

  function stateOf(target: Digest, platform: Platform, isWanted: boolean): PlatformState {
    const isComplete = startable.isComplete(target, [platform])
    const missing = isComplete ? [] : startable.missing(target, [platform])
    const state = isComplete ? 'complete' : missing.length > 0 ? 'incomplete' : 'absent'
    return {
      platform: formatPlatform(platform),
      isWanted,
      state,
      manifest: state === 'absent' ? undefined : chosenFor(target, platform),
      missing,
    }
  }

  return (target, wanted) => {
    const all = new Map<string, { platform: Platform; isWanted: boolean }>()
    for (const platform of wanted) all.set(formatPlatform(platform), { platform, isWanted: true })
    for (const platform of platformsIn(target)) {
      const name = formatPlatform(platform)
      if (!all.has(name)) all.set(name, { platform, isWanted: false })
    }
    return [...all.values()].map(({ platform, isWanted }) => stateOf(target, platform, isWanted))
  }
}

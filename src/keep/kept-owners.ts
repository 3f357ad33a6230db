import type { Digest } from '../oci/digest.ts'
import { formatPlatform, type Platform, parsePlatform } from '../oci/platform.ts'
import type { Members } from '../ports/members.ts'
import type { NodeId } from '../ports/node-id.ts'
import { createOwners, type OwnersOf } from './owners.ts'

/** Who is to hold an image that must stay available offline: some nodes for each platform that members have clients of. */
export interface KeptOwners {
  /** The owners for clients of one platform, written as `formatPlatform` does; the same for all who see the same members. */
  of(image: Digest, platform: string): readonly NodeId[]
  /** The owners for any platform. */
  all(image: Digest): readonly NodeId[]
  /** Whether this node is one of them, for one of its own platforms. */
  isOurs(image: Digest): boolean
}

/**
 * Every image has its own owners, and they hold all of it. Which platforms an image has does not matter here: who finds nothing in it for
 * its clients has nothing to hold.
 *
 * @param settings.zone this node's, as are the platforms
 */
export function createKeptOwners(
  members: Pick<Members, 'self' | 'alive'>,
  settings: {
    readonly copies: number
    readonly zone: string | undefined
    readonly platforms: readonly Platform[]
  },
): KeptOwners {
  const own = settings.platforms.map(formatPlatform)
  const ownersFor = new Map<string, OwnersOf>()

  function of(image: Digest, platform: string): readonly NodeId[] {
    const isMeant = (one: Platform) => formatPlatform(one) === platform
    const known =
      ownersFor.get(platform) ??
      createOwners(members, settings, () => platforms => platforms.some(isMeant))
    ownersFor.set(platform, known)
    return known(image)
  }

  function platformsThere(): ReadonlySet<string> {
    const named = members.alive().flatMap(({ platforms }) => platforms.map(parsePlatform))
    return new Set([...own, ...named.filter(one => one !== undefined).map(formatPlatform)])
  }

  return {
    of,
    all: image => [...new Set([...platformsThere()].flatMap(platform => of(image, platform)))],
    isOurs: image => own.some(platform => of(image, platform).includes(members.self)),
  }
}

/**
 * The owners of any content: of what belongs to images that are kept, the owners of those, who would otherwise leave it to others and
 * fetch it again; of all else its own.
 */
export function createContentOwners(parts: {
  readonly ownersOf: OwnersOf
  readonly keptOwners: Pick<KeptOwners, 'all'>
  /** Images that are kept and that this belongs to, itself if it is one. */
  readonly keptImagesWith: (digest: Digest) => readonly Digest[]
}): OwnersOf {
  return digest => {
    const images = parts.keptImagesWith(digest)
    if (images.length === 0) return parts.ownersOf(digest)
    return [...new Set(images.flatMap(parts.keptOwners.all))]
  }
}

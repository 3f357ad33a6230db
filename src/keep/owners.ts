import { rankOwners } from '../ledger/rendezvous.ts'
import type { Digest } from '../oci/digest.ts'
import { type Platform, parsePlatform } from '../oci/platform.ts'
import type { Members } from '../ports/members.ts'
import type { NodeId } from '../ports/node-id.ts'

/** Who is to hold a digest whatever happens: the same for all who see the same members. */
export type OwnersOf = (digest: Digest) => readonly NodeId[]

/**
 * The first `copies` members in the digest's own order, this node among them; members without room and those whose clients have no use
 * for it are passed over, and a zone that has none yet goes before one that has.
 *
 * @param settings.zone this node's, as are the platforms
 * @param fitOf whether a digest is of use to clients of some platforms
 */
export function createOwners(
  members: Pick<Members, 'self' | 'alive'>,
  settings: {
    readonly copies: number
    readonly zone: string | undefined
    readonly platforms: readonly Platform[]
  },
  fitOf: (digest: Digest) => (platforms: readonly Platform[]) => boolean,
): OwnersOf {
  return digest => {
    const isFit = fitOf(digest)
    const fits = new Map<string, boolean>()
    /** Most members say the same of themselves. */
    function fitsThose(names: readonly string[]): boolean {
      const key = names.join()
      const known = fits.get(key)
      if (known !== undefined) return known
      const fit = isFit(names.map(parsePlatform).filter(platform => platform !== undefined))
      fits.set(key, fit)
      return fit
    }
    const zones = new Map<NodeId, string | undefined>()
    if (isFit(settings.platforms)) zones.set(members.self, settings.zone)
    for (const { id, zone, roomBytes, platforms } of members.alive()) {
      if (roomBytes > 0 && fitsThose(platforms)) zones.set(id, zone)
    }
    return spread(digest, zones, settings.copies)
  }
}

/** The first in their order, as many zones as can be among them. */
function spread(
  digest: Digest,
  zones: ReadonlyMap<NodeId, string | undefined>,
  copies: number,
): readonly NodeId[] {
  const isOneZone = new Set(zones.values()).size <= 1
  const ranked = [...rankOwners(digest, [...zones.keys()], isOneZone ? copies : zones.size)]
  const owners: NodeId[] = []
  while (owners.length < copies && ranked.length > 0) {
    const taken = new Set(owners.map(id => zones.get(id)))
    const at = ranked.findIndex(id => !taken.has(zones.get(id)))
    owners.push(...ranked.splice(Math.max(at, 0), 1))
  }
  return owners
}

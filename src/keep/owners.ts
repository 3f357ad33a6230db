import { rankOwners } from '../ledger/rendezvous.ts'
import type { Digest } from '../oci/digest.ts'
import type { Member, Members } from '../ports/members.ts'
import type { NodeId } from '../ports/node-id.ts'

/** Who is to hold a digest whatever happens: the same for all who see the same members. */
export type OwnersOf = (digest: Digest) => readonly NodeId[]

/**
 * The first `copies` members in the digest's own order, this node among them; members without room are passed over, and a zone that has
 * none yet goes before one that has.
 *
 * @param settings.zone this node's
 * @param fits whether a member is to hold it at all: its platforms, for one
 */
export function createOwners(
  members: Pick<Members, 'self' | 'alive'>,
  settings: { readonly copies: number; readonly zone: string | undefined },
  fits: (member: Member, digest: Digest) => boolean = () => true,
): OwnersOf {
  return digest => {
    const zones = new Map<NodeId, string | undefined>([[members.self, settings.zone]])
    for (const member of members.alive()) {
      if (member.roomBytes > 0 && fits(member, digest)) zones.set(member.id, member.zone)
    }
    const ranked = [...rankOwners(digest, [...zones.keys()], zones.size)]
    const owners: NodeId[] = []
    while (owners.length < settings.copies && ranked.length > 0) {
      const taken = new Set(owners.map(id => zones.get(id)))
      const at = ranked.findIndex(id => !taken.has(zones.get(id)))
      owners.push(...ranked.splice(Math.max(at, 0), 1))
    }
    return owners
  }
}

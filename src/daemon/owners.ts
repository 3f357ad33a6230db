import type { Config } from '../config/config.ts'
import { createContentOwners, createKeptOwners, type KeptOwners } from '../keep/kept-owners.ts'
import { createOwners, type OwnersOf } from '../keep/owners.ts'
import { createPresentMembers, type PresentMembers } from '../keep/present-members.ts'
import type { Clock } from '../ports/clock.ts'
import type { Members } from '../ports/members.ts'
import type { PlatformFit } from '../pull/platform-fit.ts'
import type { Content } from './content.ts'

/** Who is to hold what is kept. */
export interface KeepMesh {
  readonly members: Members
  readonly present: PresentMembers
  readonly owners: KeptOwners
}

/** Works out who in the mesh is to hold what. */
export function wireOwners(
  { keep, node: { zone }, platforms }: Config,
  parts: {
    readonly members: Members
    readonly content: Pick<Content, 'keptImagesWith'>
    readonly fitOf: PlatformFit
    readonly clock: Clock
  },
  owned: AsyncDisposableStack,
): { readonly ownersOf: OwnersOf; readonly forKeep: KeepMesh } {
  const { members, content, fitOf, clock } = parts
  const settings = { copies: keep.copies, zone, platforms }
  const present = createPresentMembers(members, clock, { repairAfterMs: keep.repairAfter })
  owned.defer(() => present.close())
  const owners = createKeptOwners(present, settings)
  const ownersOf = createContentOwners({
    ownersOf: createOwners(members, settings, fitOf),
    keptOwners: owners,
    keptImagesWith: content.keptImagesWith,
  })
  return { ownersOf, forKeep: { members, present, owners } }
}

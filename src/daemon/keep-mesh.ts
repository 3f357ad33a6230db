import type { OpenedLedger } from '../adapters/sqlite/open.ts'
import type { Config } from '../config/config.ts'
import { createKeptOwners, type KeptOwners } from '../keep/kept-owners.ts'
import { createPresentMembers, type PresentMembers } from '../keep/present-members.ts'
import { createAliveIds } from '../ports/alive-ids.ts'
import type { Clock } from '../ports/clock.ts'
import type { Members } from '../ports/members.ts'
import type { NodeId } from '../ports/node-id.ts'
import type { JoinedMesh } from './mesh.ts'

/** Who shares what is to be held with this node, and who is to hold what. */
export interface HoldingMesh {
  readonly self: NodeId
  readonly members: Pick<Members, 'alive' | 'all' | 'onChange'>
  readonly present: PresentMembers
  /** Of what is kept. */
  readonly owners: KeptOwners
  /** Where so many copies are wanted. */
  ownersOf(copies: number): KeptOwners
}

/** The mesh as it counts here; a node alone is to hold everything. */
export function holdingMesh(
  { node, platforms, keep }: Config,
  parts: {
    readonly database: Pick<OpenedLedger, 'replication'>
    readonly mesh: Pick<JoinedMesh, 'forKeep'> | undefined
    readonly clock: Clock
  },
): HoldingMesh {
  const self = parts.database.replication.origin
  const { members, present } = parts.mesh?.forKeep ?? alone(self, parts.clock)
  const byCopies = new Map<number, KeptOwners>()
  function ownersOf(copies: number): KeptOwners {
    const known =
      byCopies.get(copies) ?? createKeptOwners(present, { copies, zone: node.zone, platforms })
    byCopies.set(copies, known)
    return known
  }
  const owners = parts.mesh?.forKeep.owners ?? ownersOf(keep.copies)
  return { self, members, present, owners, ownersOf }
}

function alone(self: NodeId, clock: Clock): Pick<HoldingMesh, 'members' | 'present'> {
  const nobody = { self, all: () => [], alive: () => [], onChange: () => () => {} }
  const present = createPresentMembers(nobody, clock, { repairAfterMs: 0 })
  return { members: nobody, present: { ...present, isSettled: () => true } }
}

/** Calls back when a member came or went. */
export function onOthers(
  members: Pick<Members, 'alive' | 'onChange'>,
  listener: () => void,
): () => void {
  const aliveIds = createAliveIds(members)
  let before = aliveIds()
  return members.onChange(() => {
    const now = aliveIds()
    if (now === before) return
    before = now
    listener()
  })
}

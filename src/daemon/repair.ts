import type { OpenedLedger } from '../adapters/sqlite/open.ts'
import type { Config } from '../config/config.ts'
import { createKeptOwners } from '../keep/kept-owners.ts'
import { createPresentMembers } from '../keep/present-members.ts'
import { type Repair, startRepair } from '../keep/repair.ts'
import { createAliveIds } from '../ports/alive-ids.ts'
import type { Clock } from '../ports/clock.ts'
import type { Log } from '../ports/log.ts'
import type { Members } from '../ports/members.ts'
import type { NodeId } from '../ports/node-id.ts'
import { systemTimers } from '../ports/timers.ts'
import type { Content } from './content.ts'
import type { JoinedMesh } from './mesh.ts'
import type { Pull } from './resolution.ts'
import type { Upstreams } from './upstreams.ts'

/** Has this node hold what is kept and is its to hold; a node alone holds all of it. */
export function openRepair(
  config: Config,
  parts: {
    readonly database: OpenedLedger
    readonly content: Content
    readonly upstreams: Pick<Upstreams, 'upstream'>
    readonly pull: Pull
    readonly mesh: JoinedMesh | undefined
    readonly clock: Clock
    readonly log: Log
  },
  owned: AsyncDisposableStack,
): Repair {
  const { database, content, upstreams, pull, clock, log } = parts
  const { members, present, owners } =
    parts.mesh?.forKeep ?? alone(config, { self: database.replication.origin, clock })
  const repair = startRepair({
    images: content.keptImages,
    owners,
    present,
    isComplete: digest => content.completeness.isComplete(digest),
    isLacking: digest => content.keepsContent && content.completeness.missing(digest).length > 0,
    isFull: content.collector.isFull,
    lookAround: pull.isInReach,
    want: pull.complete,
    pending: pull.incompleteImages,
    onNews: listener => all(database.ledger.onChanged(listener), content.keeps.onChange(listener)),
    onHope: listener =>
      all(
        upstreams.upstream.onRecovered(() => listener()),
        onOthers(members, listener),
      ),
    clock,
    timers: systemTimers,
    log,
  })
  owned.defer(() => repair.close())
  return repair
}

const all =
  (...stops: readonly (() => void)[]): (() => void) =>
  () => {
    for (const stop of stops) stop()
  }

/** Calls back when a member came or went. */
function onOthers(members: Pick<Members, 'alive' | 'onChange'>, listener: () => void): () => void {
  const aliveIds = createAliveIds(members)
  let before = aliveIds()
  return members.onChange(() => {
    const now = aliveIds()
    if (now === before) return
    before = now
    listener()
  })
}

function alone(
  { node, platforms, keep }: Config,
  { self, clock }: { readonly self: NodeId; readonly clock: Clock },
): Pick<JoinedMesh['forKeep'], 'present' | 'owners'> & {
  readonly members: Pick<Members, 'alive' | 'onChange'>
} {
  const nobody = { self, all: () => [], alive: () => [], onChange: () => () => {} }
  const present = createPresentMembers(nobody, clock, { repairAfterMs: keep.repairAfter })
  const { copies } = keep
  return {
    members: nobody,
    present: { ...present, isSettled: () => true },
    owners: createKeptOwners(present, { copies, zone: node.zone, platforms }),
  }
}

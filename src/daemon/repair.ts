import type { OpenedLedger } from '../adapters/sqlite/open.ts'
import type { Config } from '../config/config.ts'
import { type Repair, startRepair } from '../keep/repair.ts'
import type { Clock } from '../ports/clock.ts'
import type { Log } from '../ports/log.ts'
import { stopAll } from '../ports/stop-all.ts'
import { systemTimers } from '../ports/timers.ts'
import type { Content } from './content.ts'
import { holdingMesh, onOthers } from './keep-mesh.ts'
import type { JoinedMesh } from './mesh.ts'
import type { Pull } from './resolution.ts'
import type { Upstreams } from './upstreams.ts'

/** Has this node hold what is kept and is its to hold; a node alone holds all of it. */
export function openRepair(
  config: Config,
  parts: {
    readonly database: Pick<OpenedLedger, 'replication' | 'ledger'>
    readonly content: Content
    readonly upstreams: Pick<Upstreams, 'upstream'>
    readonly pull: Pull
    readonly mesh: Pick<JoinedMesh, 'forKeep'> | undefined
    readonly clock: Clock
    readonly log: Log
  },
  owned: AsyncDisposableStack,
): Repair {
  const { database, content, upstreams, pull, clock, log } = parts
  const { completeness, startable, keepsContent } = content
  const { members, present, owners } = holdingMesh(config, parts)
  const repair = startRepair({
    images: content.keptImages,
    owners,
    present,
    isComplete: digest => startable.isComplete(digest),
    // What pods of this node run starts here, whatever it says that it is for.
    isLacking: ({ digest, isHere }) =>
      keepsContent && (isHere ? completeness : startable).missing(digest).length > 0,
    isFull: () => content.collector.refuses(),
    lookAround: pull.isInReach,
    canBeHad: pull.canBeHad,
    want: pull.complete,
    pending: pull.incompleteImages,
    onNews: listener =>
      stopAll(database.ledger.onChanged(listener), content.keeps.onChange(listener)),
    onHope: listener =>
      stopAll(
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

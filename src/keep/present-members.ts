import { createAliveIds } from '../ports/alive-ids.ts'
import type { Clock } from '../ports/clock.ts'
import type { Member, Members } from '../ports/members.ts'
import type { NodeId } from '../ports/node-id.ts'

/** The members that are counted on, those among them that are away for a while only. */
export interface PresentMembers extends Pick<Members, 'self' | 'alive'> {
  /** After how many ms the next of those that are away is no longer counted on; `undefined`: none is away. */
  nextLeaveMs(): number | undefined
  /** Whether there was time to meet others, or there are none to meet. */
  isSettled(): boolean
  close(): void
}

/** A node that has just begun and knows nobody waits so long before it takes itself for alone, ms. */
const meetMs = 30_000

/**
 * A member that is away is counted on for `repairAfterMs` from when this node noticed, as if it were there. So that time runs only while
 * this node does: after a night in which all were off, nobody has been away.
 */
export function createPresentMembers(
  members: Pick<Members, 'self' | 'all' | 'alive' | 'onChange'>,
  clock: Pick<Clock, 'monotonicMs'>,
  { repairAfterMs }: { readonly repairAfterMs: number },
): PresentMembers {
  const startedAtMs = clock.monotonicMs()
  const aliveIds = createAliveIds(members)
  let ids: readonly NodeId[] | undefined
  /** When those that are not alive were seen to be so. */
  const noticedAtMs = new Map<NodeId, number>()

  function notice(): void {
    const now = aliveIds()
    if (now === ids) return
    ids = now
    for (const id of now) noticedAtMs.delete(id)
    for (const { id, state } of members.all()) {
      if (state !== 'alive' && !noticedAtMs.has(id)) noticedAtMs.set(id, clock.monotonicMs())
    }
  }

  const leavesInMs = ({ id }: Member): number =>
    (noticedAtMs.get(id) ?? startedAtMs) + repairAfterMs - clock.monotonicMs()

  const away = (): readonly Member[] =>
    members.all().filter(member => member.state !== 'alive' && leavesInMs(member) > 0)

  notice()
  const stopListening = members.onChange(notice)
  return {
    self: members.self,
    alive: () => [...members.alive(), ...away()],
    nextLeaveMs() {
      const leaving = away().map(leavesInMs)
      return leaving.length === 0 ? undefined : Math.min(...leaving)
    },
    isSettled: () => members.all().length > 0 || clock.monotonicMs() - startedAtMs >= meetMs,
    close: stopListening,
  }
}

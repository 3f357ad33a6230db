import type { Members } from './members.ts'
import type { NodeId } from './node-id.ts'

/**
 * Ids of the live members, this node not among them. The array is the same until one comes or goes: members say something new of
 * themselves all the time, in a large cluster many times a second, and what depends only on who they are need not be made anew for that.
 */
export function createAliveIds(members: Pick<Members, 'alive'>): () => readonly NodeId[] {
  let seen = members.alive()
  let ids = seen.map(({ id }) => id)
  return () => {
    const alive = members.alive()
    if (alive === seen) return ids
    seen = alive
    const areSame = alive.length === ids.length && alive.every(({ id }, i) => id === ids[i])
    if (!areSame) ids = alive.map(({ id }) => id)
    return ids
  }
}

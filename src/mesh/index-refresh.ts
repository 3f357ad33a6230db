import { shardCount } from './index-message.ts'
import { ownersPerShard } from './index-owners.ts'

/** So often a node tells some owners again what it holds, about, ms. */
export const refreshMs = 10 * 60_000

/** Leases outlast so many turns: one that is lost costs nothing. */
const turnsInLease = 2.5

/** Owners that are told in one refresh, in a mesh of so many others: as the logarithm of their number, and in a small mesh all. */
export function refreshedAtOnce(others: number): number {
  return ownersPerShard * Math.ceil(Math.log2(others + 2))
}

/** How long what was told counts without a refresh, ms: the owners take turns, and in a larger mesh a turn comes later. */
export function leaseMs(others: number): number {
  const owners = Math.min(others, shardCount * ownersPerShard)
  const refreshes = Math.max(1, Math.ceil(owners / refreshedAtOnce(others)))
  return turnsInLease * refreshes * refreshMs
}

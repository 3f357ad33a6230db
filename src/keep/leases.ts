import type { Digest } from '../oci/digest.ts'
import type { ContentStore } from '../ports/content-store.ts'
import type { LeaseStore } from '../ports/lease-store.ts'
import type { Log } from '../ports/log.ts'

/** What other nodes dropped because this one promised to keep it. */
export interface Leases {
  /** Another node relies on this one for it. */
  has(digest: Digest): boolean
  /**
   * Promises to keep it for an hour of running at the least, also across a crash, unless it is not held or is being dropped. Says whether
   * it did. Never rejects: what cannot be written is not promised.
   */
  grant(digest: Digest): Promise<boolean>
  /** Whether it is neither promised nor being dropped; then nobody is promised it while `work` goes on. `false` in place of the work's word. */
  whileLeaving(digest: Digest, work: () => Promise<boolean>): Promise<boolean>
}

/** An hour of running is two on the usage clock at the most. */
const leaseMs = 2 * 3_600_000
/** Promises remembered; with more, nothing more is promised. */
const maxLeases = 100_000

/**
 * Loads the promises of earlier runs. None of them outlasts a new one, whatever became of the clock.
 *
 * @param parts.nowMs the usage clock
 */
export function createLeases(parts: {
  readonly store: Pick<ContentStore, 'stat'>
  readonly kept: LeaseStore
  readonly nowMs: () => number
  readonly log: Log
}): Leases {
  const { store, kept, nowMs, log } = parts
  const startMs = nowMs()
  const leases = new Map<Digest, number>()
  const leaving = new Set<Digest>()
  for (const [digest, untilMs] of kept.load(startMs)) {
    leases.set(digest, Math.min(untilMs, startMs + leaseMs))
  }

  function has(digest: Digest): boolean {
    const untilMs = leases.get(digest)
    if (untilMs === undefined) return false
    if (untilMs > nowMs()) return true
    leases.delete(digest)
    return false
  }

  function hasRoomFor(digest: Digest): boolean {
    if (leases.size < maxLeases || leases.has(digest)) return true
    for (const one of [...leases.keys()]) has(one)
    return leases.size < maxLeases
  }

  return {
    has,
    async grant(digest) {
      if (store.stat(digest) === undefined || leaving.has(digest)) return false
      if (!hasRoomFor(digest)) return false
      const atMs = nowMs()
      // Before it is written: from here on this node does not drop it.
      leases.set(digest, atMs + leaseMs)
      try {
        await kept.keep(digest, atMs + leaseMs, atMs)
        return store.stat(digest) !== undefined
      } catch (err) {
        log.warn({ digest, err }, 'another node cannot leave content to this one: not written')
        return false
      }
    },
    async whileLeaving(digest, work) {
      if (leaving.has(digest) || has(digest)) return false
      leaving.add(digest)
      try {
        return await work()
      } finally {
        leaving.delete(digest)
      }
    },
  }
}

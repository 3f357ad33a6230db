import type { Digest } from '../oci/digest.ts'

/** What other nodes left to this one, kept across restarts. Times in ms on the usage clock. */
export interface LeaseStore {
  /** Until when each digest is kept for them; what was over at `nowMs` is left out. */
  load(nowMs: number): ReadonlyMap<Digest, number>
  /** Keeps one, and forgets those that are over at `nowMs`; settles when a power cut cannot take it. Rejects with `ledger-unusable`. */
  keep(digest: Digest, untilMs: number, nowMs: number): Promise<void>
}

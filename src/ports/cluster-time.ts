import type { TimeSample } from '../ledger/agree-on-time.ts'
import type { TimeSource } from '../ledger/trusted-time.ts'

/** Trusted time as the nodes of a cluster agree on it. */
export interface ClusterTime {
  /** Trusted time, ms since the epoch. */
  nowMs(): number
  /** `undefined`: nobody confirmed it yet. */
  source(): TimeSource | undefined
  /** What all members that were heard lately say, one sample each. */
  learnFromPeers(samples: readonly TimeSample[]): void
}

/** One node's word about the time. */
export interface TimeSample {
  /** Its trusted time less this node's monotonic clock, ms. */
  readonly anchorMs: number
  /** A registry told it. */
  readonly isVerified: boolean
}

/** Whose word trusted time rests on since the start. */
export type TimeSource = 'registry' | 'peers'

/** Trusted time as the nodes of a cluster agree on it. */
export interface ClusterTime {
  /** Trusted time, ms since the epoch. */
  nowMs(): number
  /** `undefined`: nobody confirmed it yet. */
  source(): TimeSource | undefined
  /** What all members that were heard lately say, one sample each. */
  learnFromPeers(samples: readonly TimeSample[]): void
}

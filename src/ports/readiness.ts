/** Ways in which a node answers, but worse than it should; a closed set, fit for a metric label. */
export const degradedReasons = [
  'upstream_down', // an endpoint's breaker is open: its tags are answered from memory
  'store_full', // new content is streamed and not stored
  'store_unusable', // the blob directory cannot be written
  'store_damaged', // blobs on the disk no longer hash to their digests, or cannot be read
  'containerd_unusable', // the containerd of this node is not to be had: what it holds is not known, or not served
  'ledger_read_only', // what is learned is not kept: disk full, or the database is damaged
  'ledger_rebuilt', // the database was damaged and made anew since the last start
  'clock_unverified', // no trusted time since the start: neither from a registry nor from the cluster
  'clock_wrong', // our own clock is before the build date or the highest time ever trusted
  'mesh_cut_off', // there should be other nodes, and none is reached
  'tokens_unread', // a file of tokens is broken or gone: the tokens of before are used
  'mesh_keys_unread', // the file of cluster keys is broken or gone: the keys of before are used
  'offline', // mode is `offline`: upstreams are not asked
] as const

export type DegradedReason = (typeof degradedReasons)[number]

/** One way in which the node is degraded, with what a person should know: what is wrong, since when, what to do. */
export interface Degradation {
  readonly reason: DegradedReason
  readonly detail: string
}

/** Whether a node can answer, and what is wrong with it. */
export interface Readiness {
  /** `false` only while the mirror cannot answer at all; a degraded node is ready. */
  readonly ready: boolean
  readonly degraded: readonly Degradation[]
}

/** A secret of the cluster: who holds one that is accepted is a member. */
export interface ClusterKey {
  /** Names the key without telling it: 8 hex digits of a hash. Fit for logs, names of protocols and `mesh status`. */
  readonly id: string
  readonly secret: Uint8Array
}

/** The keys that are accepted now. They change while the node runs. */
export interface ClusterKeys {
  /** At least one; the first is the one to dial with. */
  current(): readonly ClusterKey[]
  /** Called after the keys changed: connections that were made with a dropped one are to end. */
  onChange(listener: () => void): () => void
}

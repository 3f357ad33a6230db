import type { NodeId } from './node-id.ts'

/** A member as it is kept across restarts. */
export interface StoredMember {
  readonly id: NodeId
  /** Its last hello as it signed it. */
  readonly body: Uint8Array
  readonly signature: Uint8Array
  /** When it was last heard, trusted time, ms since the epoch. */
  readonly lastSeenMs: number
  /** How long this node has been up and heard nothing of it, ms. */
  readonly unheardMs: number
  /** This node met it: it answered or was connected, under its own key. */
  readonly wasMet: boolean
}

/** What is remembered of the mesh, so that a node that starts again finds the others with nothing else to go by. */
export interface MemberStore {
  /** All members, the longest known first, and which node a name was first known by. */
  load(): {
    readonly members: readonly StoredMember[]
    readonly names: ReadonlyMap<string, NodeId>
  }
  /** Writes some and forgets others, at once. Rejects with `ledger-unusable`. */
  save(change: {
    readonly members: readonly StoredMember[]
    readonly forgotten: readonly NodeId[]
    readonly names: ReadonlyMap<string, NodeId>
  }): Promise<void>
  /** The highest boot number that was ever set; 0 at the first start. */
  bootNumber(): number
  /** Settles when it is durable. Rejects with `ledger-unusable`. */
  setBootNumber(number: number): Promise<void>
}

import type { RecordRow } from '../ledger/leaf.ts'
import type { SignedRecord } from '../ledger/record.ts'

/** What became of a record that another node signed. */
export type RecordOutcome =
  | 'applied'
  | 'known' // held already, or older than what is held
  | 'quarantined' // too far ahead of trusted time: waits
  | 'too-old' // behind the horizon
  | 'no-operator' // an operator's word by a node that is none
  | 'signature'
  | 'too-large'
  | 'malformed'
  | 'version'
  | 'cluster'

/** Records of one leaf, or a part of them. */
export interface LeafRecords {
  readonly leaf: number
  readonly records: readonly SignedRecord[]
}

/** The replicated registers, as nodes tell each other of them. One suite holds every implementation to this. */
export interface RecordStore {
  /**
   * Takes others' records in, a bounded number at a time so that this node's own writes are not held up, and says in their order what
   * became of each. Rejects with `ledger-unusable`.
   */
  apply(records: readonly SignedRecord[]): Promise<readonly RecordOutcome[]>
  /** Hashes of the leaves, `leafCount` × `leafHashBytes`, of what is committed. Kept up to date; the caller does not change it. */
  fingerprint(): Promise<Uint8Array>
  /** What is held of one leaf, in order. */
  rows(leaf: number): readonly RecordRow[]
  /** The records behind rows of one leaf, those that are still held. */
  records(leaf: number, rows: readonly RecordRow[]): readonly SignedRecord[]
  /** All records in the order of their leaves, some at a time, from leaf `from` on. Others have their turn in between. */
  all(from: number): AsyncIterable<LeafRecords>
  /** Records held. */
  count(): number
  /** Observations that nobody used since are forgotten and not taken back; ms since the epoch, 0 while there is no such time. */
  horizonMs(): number
  /** Called after a commit with what is new in the registers: signed by this node, or taken from others. */
  onRecords(listener: (records: readonly SignedRecord[], by: 'self' | 'others') => void): () => void
  /** Called when another node's record took a key's place although this node's own confirmation of another digest is newer. */
  onBeaten(listener: (key: string) => void): () => void
  /** Says again what this node confirmed of a key, with the time it did, if a record still stands that is older than that. */
  reaffirm(key: string): Promise<void>
}

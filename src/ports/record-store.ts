import type { LedgerRecord, SignedRecord } from '../ledger/record.ts'

/** Leaves of the fingerprint: the first 12 bits of a register's hash. */
export const leafCount = 4096

/** What two nodes compare of one record before they send it. */
export interface RecordRow {
  /** Hash of kind and key, the first 12 hex digits of a SHA-256. */
  readonly register: string
  readonly wallMs: number
  readonly counter: number
  /** Public key of who signed it, hex. */
  readonly origin: string
  /** Tells two records of one origin and stamp apart: 8 hex digits of a hash of the signature. */
  readonly mark: string
}

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

/** The replicated registers, as nodes tell each other of them. One suite holds every implementation to this. */
export interface RecordStore {
  /** Takes others' records in, a bounded number, and says in their order what became of each. Rejects with `ledger-unusable`. */
  apply(records: readonly SignedRecord[]): Promise<readonly RecordOutcome[]>
  /** Hashes of the leaves, `leafCount` × 16 bytes, of what is committed. Kept up to date; the caller does not change it. */
  fingerprint(): Promise<Uint8Array>
  /** What is held of one leaf. */
  rows(leaf: number): readonly RecordRow[]
  /** The records behind rows of one leaf, those that are still held. */
  records(leaf: number, rows: readonly RecordRow[]): readonly SignedRecord[]
  /** All records in the order of their leaves, a batch at a time, from leaf `from` on. */
  all(from: number): AsyncIterable<{
    readonly leaf: number
    readonly records: readonly SignedRecord[]
  }>
  /** Called after a commit with what is new in the registers: of this node, or taken from others. */
  onRecords(
    listener: (
      records: readonly (LedgerRecord & { readonly signed: SignedRecord })[],
      by: 'self' | 'others',
    ) => void,
  ): () => void
  /** Records held. */
  count(): number
}

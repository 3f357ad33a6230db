import type { Correction } from '../../ledger/correct.ts'
import type { KeyOperation } from '../../ledger/key-operation.ts'
import type { LedgerRecord, SignedRecord } from '../../ledger/record.ts'
import type { Digest } from '../../oci/digest.ts'
import type { AuditEntry } from '../../ports/audit-log.ts'
import type { AwaitedImage } from '../../ports/awaited-images.ts'
import type { SeenFile } from '../../ports/drop-memory.ts'
import type { HoldfastErrorCode } from '../../ports/errors.ts'
import type { LogFields } from '../../ports/log.ts'
import type { StoredMember } from '../../ports/member-store.ts'
import type { NodeId } from '../../ports/node-id.ts'
import type { PodMemory } from '../../ports/pod-memory.ts'
import type { RecordOutcome } from '../../ports/record-store.ts'
import type { AgeOutTime } from './age-out.ts'
import type { ApplyTime } from './apply-records.ts'
import type { Recovered } from './recover.ts'
import type { WordKind } from './words.ts'
import type { CatalogBatch, ResolutionLine } from './write-content.ts'

/** What an operator says, or a node of itself (its share of a job, what its pods run), before it has a stamp. */
export type OperatorWord = Pick<LedgerRecord, 'kind' | 'key' | 'target' | 'removed' | 'details'>

/** A change to the member table. */
export interface MemberChange {
  readonly members: readonly StoredMember[]
  readonly forgotten: readonly NodeId[]
  readonly names: readonly (readonly [name: string, id: NodeId])[]
}

/** A lease to keep, and the time by which others are over. */
export interface LeaseChange {
  readonly digest: Digest
  readonly untilMs: number
  readonly nowMs: number
}

/** A file of the drop folder that was dealt with, or the path of one to forget. */
export type DropChange = { readonly seen: SeenFile } | { readonly forgotten: string }

/** Images that wait for a neighbour from now on, or no more. */
export type AwaitedChange =
  | { readonly awaited: readonly AwaitedImage[] }
  | { readonly forgotten: readonly AwaitedImage[] }

/** What runs, or ran, on this node, and the keys of what is to be forgotten. */
export type PodChange = Parameters<PodMemory['write']>[0]

/** One thing to write. */
export type Job =
  | { readonly type: 'key'; readonly key: string; readonly operation: KeyOperation }
  | { readonly type: 'operator'; readonly word: OperatorWord; readonly atMs: number }
  | {
      readonly type: 'apply'
      readonly records: readonly SignedRecord[]
      readonly time: ApplyTime
    }
  | { readonly type: 'release'; readonly time: ApplyTime }
  | { readonly type: 'correct'; readonly correction: Correction }
  | { readonly type: 'age-out'; readonly time: AgeOutTime }
  | {
      readonly type: 'setting'
      readonly name: string
      readonly value: string
      /** Whether it must outlive a power cut. */
      readonly isDurable: boolean
    }
  | { readonly type: 'members'; readonly change: MemberChange }
  | { readonly type: 'lease'; readonly change: LeaseChange }
  | { readonly type: 'dropped'; readonly change: DropChange }
  | { readonly type: 'awaited'; readonly change: AwaitedChange }
  | { readonly type: 'pods'; readonly change: PodChange }
  | { readonly type: 'audit'; readonly entry: AuditEntry }
  | { readonly type: 'catalog'; readonly batch: CatalogBatch }
  | { readonly type: 'resolutions'; readonly lines: readonly ResolutionLine[] }
  | { readonly type: 'snapshot' }

/** What a job gives back. */
export interface JobResult {
  /** Keys that changed by other than the caller's own operation. */
  readonly changed: readonly string[]
  /** Of an `apply`, in the order of its records. */
  readonly outcomes: readonly RecordOutcome[]
  /** Bans or blocks changed: whoever keeps them in memory loads them anew. */
  readonly exclusionsChanged: boolean
  /** Kinds of words that changed: the same. */
  readonly wordsChanged: readonly WordKind[]
  /** Keys of which this node confirmed another digest later than what others' records say now. */
  readonly beaten: readonly string[]
}

/** What a commit did to the registers. */
export interface Committed {
  /** Records that this node signed; views of one buffer, so that a message copies no more than them. */
  readonly own: readonly SignedRecord[]
  /** Leaves of the fingerprint in which anything changed. */
  readonly leaves: readonly number[]
}

/** Handed to the writer when it starts. */
export interface WriterOptions {
  readonly file: string
  readonly journalFile: string
  /** PKCS #8 PEM. */
  readonly privateKey: string
  readonly origin: string
  readonly clusterId: string
  /** Bounds the database, in pages, as a full disk would; for tests. */
  readonly maxPages: number | undefined
}

/** To the writer. */
export type Request =
  | { readonly type: 'jobs'; readonly jobs: readonly { readonly id: number; readonly job: Job }[] }
  /** A reader met damage. */
  | { readonly type: 'damaged' }
  | { readonly type: 'close' }

/** From the writer. */
export type Reply =
  /** A database is in place, at start or after another one was given up: readers open it. */
  | { readonly type: 'opened'; readonly recovered: Recovered }
  /** Nothing can be written; it goes on trying. */
  | { readonly type: 'unusable'; readonly message: string }
  /** There is a database that must not be touched. */
  | { readonly type: 'refused'; readonly code: HoldfastErrorCode; readonly message: string }
  | {
      readonly type: 'done'
      readonly results: readonly { readonly id: number; readonly result: JobResult }[]
      readonly committed: Committed
    }
  | {
      readonly type: 'failed'
      readonly ids: readonly number[]
      readonly message: string
      /** The database takes no writes for now; else the job itself was at fault. */
      readonly isUnusable: boolean
    }
  | { readonly type: 'writable' }
  | {
      readonly type: 'log'
      readonly level: 'debug' | 'info' | 'warn' | 'error'
      readonly fields: LogFields
      readonly message: string
    }

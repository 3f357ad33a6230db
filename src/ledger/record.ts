import type { Digest } from '../oci/digest.ts'
import { compareStamps, type Stamp } from './stamp.ts'

/** Where a node saw a tag at a digest. */
export type ObservationSource = 'upstream' | 'push' | 'import' | 'containerd'

/** What a record says something about; each is its own register. */
export type RecordKind =
  | 'observation'
  | 'pin'
  | 'keep'
  | 'warm'
  | 'setting'
  | 'block'
  | 'use'
  | 'ban'
  | 'forget'
  | 'share'
  | 'running'

/** Digest, type and size of a manifest, as a record names it. */
export interface RecordTarget {
  readonly digest: Digest
  readonly mediaType: string
  /** Bytes. */
  readonly size: number
}

/** What only some kinds carry. On the wire it is an open map: what this version does not know stays in the signed bytes. */
export interface RecordDetails {
  readonly note?: string | undefined
  readonly author?: string | undefined
  /** Of a pin: trusted time, ms since the epoch. */
  readonly expiresAtMs?: number | undefined
  /** Of a pin: the stamp of the pin or tombstone it was set over. Another one found there means two operators at once. */
  readonly over?: Stamp | undefined
  /** What a setting is set to, what a warm job is to do, how far a share of one is, what pods run; at most {@link maxValueBytes} of UTF-8. */
  readonly value?: string | undefined
}

/** Of a record's value, in UTF-8. A message of the bus holds one with room to spare. */
export const maxValueBytes = 32 * 1024

/** The bytes a node signed and its Ed25519 signature: what is stored and relayed, verbatim. */
export interface SignedRecord {
  readonly body: Uint8Array
  readonly signature: Uint8Array
}

/** One node's word about one key. */
export interface LedgerRecord {
  readonly kind: RecordKind
  /** `registry/repository:tag`; a keep's is the pattern, a block's the digest, a ban's the origin (hex), a setting's its name, a warm job's its id, a share's `job/origin`, of what pods run the origin. */
  readonly key: string
  /** Absent in tombstones, uses, bans and where a tag is forgotten. */
  readonly target: RecordTarget | undefined
  readonly stamp: Stamp
  /** Of an observation. */
  readonly source: ObservationSource | undefined
  /** Public key of the node that signed it, hex. */
  readonly origin: string
  /** A tombstone: the pin or keep was removed, the block or ban lifted. */
  readonly removed: boolean
  readonly details: RecordDetails
  /** Absent until the writer signed it. */
  readonly signed: SignedRecord | undefined
}

/** What a node says of itself, and of what it saw. */
const ownKinds: ReadonlySet<RecordKind> = new Set(['observation', 'use', 'share', 'running'])

/** Whether a kind is an operator's word: durable before it is acknowledged, and of no weight from a node that `mesh.operators` leaves out. */
export function isOperatorKind(kind: RecordKind): boolean {
  return !ownKinds.has(kind)
}

/**
 * The order of one register's records: stamp, origin, digest; negative when `a` is older. Two different records never compare
 * equal once signed: a node that signed twice under one stamp and digest is ordered by its bytes, so that every replica keeps the
 * same one.
 */
export function compareRecords(a: LedgerRecord, b: LedgerRecord): number {
  return (
    compareStamps(a.stamp, b.stamp) ||
    compareTexts(a.origin, b.origin) ||
    compareTexts(a.target?.digest ?? '', b.target?.digest ?? '') ||
    compareBytes(a.signed?.body, b.signed?.body)
  )
}

/** Byte order of ASCII texts, which is what SQLite's BINARY collation does. */
export function compareTexts(a: string, b: string): number {
  if (a === b) return 0
  return a < b ? -1 : 1
}

function compareBytes(a: Uint8Array | undefined, b: Uint8Array | undefined): number {
  if (a === undefined || b === undefined) return 0
  const shorter = Math.min(a.length, b.length)
  for (let i = 0; i < shorter; i++) {
    const difference = (a[i] ?? 0) - (b[i] ?? 0)
    if (difference !== 0) return difference
  }
  return a.length - b.length
}

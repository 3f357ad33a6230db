import type { Digest } from '../oci/digest.ts'
import type { TagReference } from '../oci/reference.ts'

/** Hybrid time of a record: wall clock (ms since the epoch) and a counter for equal walls. Ordered by wall, then counter. */
export interface Stamp {
  readonly wallMs: number
  readonly counter: number
}

/** Where a node saw a tag at a digest. */
export type ObservationSource = 'upstream' | 'push' | 'import' | 'containerd'

/** What a record says something about; each is its own register. */
export type RecordKind = 'observation' | 'pin' | 'keep' | 'warm' | 'setting' | 'block' | 'use' | 'ban'

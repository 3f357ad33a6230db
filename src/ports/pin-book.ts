import type { Stamp } from '../ledger/stamp.ts'
import type { Digest } from '../oci/digest.ts'
import type { TagReference } from '../oci/reference.ts'
import type { Target } from './tag-ledger.ts'

/** Whether a pin is what its tag answers with, and if not, why. */
export type PinStanding = 'in-force' | 'expired' | 'blocked' | 'removed'

/** The newest that operators said of pinning a tag. */
export interface PinState {
  readonly key: TagReference
  readonly standing: PinStanding
  /** Absent when it was removed. */
  readonly target: Target | undefined
  readonly stamp: Stamp
  /** Public key (hex) of the node on which it was said. */
  readonly origin: string
  readonly note: string | undefined
  readonly author: string | undefined
  /** Trusted time, ms since the epoch; absent: never. */
  readonly expiresAtMs: number | undefined
}

/** A pin that was set or removed at some time. */
export interface PinEvent {
  /** Wall part of its stamp, ms since the epoch. */
  readonly atMs: number
  readonly origin: string
  /** Absent: it was removed. */
  readonly digest: Digest | undefined
  readonly note: string | undefined
  readonly author: string | undefined
  readonly expiresAtMs: number | undefined
  /** It and the one before it were set without knowing of each other. */
  readonly isConflict: boolean
}

/** Everything that is known of pins. Reads see every write from the moment it was asked for, the history those that are durable. */
export interface PinBook {
  /** `undefined`: it was never pinned, or by a banned node alone. */
  get(key: TagReference): PinState | undefined
  /** Newest first, at most a hundred. */
  history(key: TagReference): readonly PinEvent[]
  /** Pins, the removed ones left out, in byte order of `registry/repository:tag` after the text `after`. */
  list(after: string, limit: number): readonly PinState[]
  /** All of them in that order: which there are is settled with the first one, and each is read when it is taken. */
  each(): Iterable<PinState>
  isBlocked(digest: Digest): boolean
}

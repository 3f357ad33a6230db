import type { Digest } from '../oci/digest.ts'
import type { Repository } from '../oci/reference.ts'
import type { BlobAnswer, Reach } from './upstream.ts'

/** Somebody who may have a blob: the registry that owns it, or another node. Sources are asked in order. */
export interface BlobSource {
  /** Tells sources apart, in logs and when bytes turn out to be wrong. */
  readonly name: string
  readonly kind: 'upstream' | 'peer'
  /** Whether asking makes sense right now; what is not `reachable` is passed over. */
  reach(repository: Repository): Reach
  /**
   * Opens a blob at `offset` (bytes); settles with the answer's head, bounded by the source's own deadlines even without `signal`.
   * Rejects with `UpstreamFailure`.
   */
  open(
    digest: Digest,
    repository: Repository,
    offset: number,
    signal: AbortSignal,
    /** It has no byte yet, but says that it is at it. */
    onWorking?: () => void,
  ): Promise<BlobAnswer>
  /**
   * So long without a word of it is unusual, ms: then the next source is raced against it. May change while it is waited for. Absent: it is
   * waited for alone.
   */
  readonly raceAfterMs?: number
  /** So long without a first byte is, when it says that it is at it, ms; may change likewise. Default: `raceAfterMs`. */
  readonly raceWorkingAfterMs?: number | undefined
  /** It may be waiting for this node in turn. */
  readonly mayWaitForUs?: boolean
  /** Several nodes: that its bytes are wrong says of none of them that it was the one. */
  readonly isMany?: boolean
  /** It alone sent bytes that do not hash to the digest. Settles when it is told of whom; never rejects. */
  lied?(digest: Digest): Promise<void>
}

import type { Digest } from '../oci/digest.ts'
import type { Repository } from '../oci/reference.ts'
import type { BlobSource } from '../ports/blob-source.ts'
import type { PeerPriority } from '../ports/peer-port.ts'

/** Which blob is wanted, and for whom. */
export interface BlobQuestion {
  readonly digest: Digest
  readonly repository: Repository
  /** Bytes, when a manifest says it. */
  readonly size: number | undefined
  /** Asked anew for every source: a client may have joined. */
  readonly priority: () => PeerPriority
  /** Only other nodes read along: the registry is asked, or a node before this one in the order in which they fetch for each other. */
  readonly isRelayed: boolean
  /** Everybody named before has failed. */
  readonly isAgain?: boolean
}

/** Whom to ask for blobs. */
export interface BlobSources {
  /** The registry that owns the content. */
  readonly upstream: BlobSource
  /** Whether other nodes can be asked now. */
  hasPeers(): boolean
  /**
   * Everybody who may have a blob, best first, the registry (also one that is down) last. Settles soon; never rejects. Asked again
   * when those named before have failed.
   */
  find(question: BlobQuestion, signal: AbortSignal): Promise<readonly BlobSource[]>
}

/** A node alone: there is nobody but the registry. */
export function onlyUpstream(upstream: BlobSource): BlobSources {
  return { upstream, hasPeers: () => false, find: async () => [upstream] }
}

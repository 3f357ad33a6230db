import type { Digest } from '../oci/digest.ts'
import type { Repository } from '../oci/reference.ts'
import type { NodeId } from '../ports/node-id.ts'
import type { Target } from '../ports/tag-ledger.ts'

/** What resolution needs to know about content; what it holds itself it knows from memory. */
export interface ContentView {
  /** Everything this node's clients need to run the image is held. */
  isComplete(digest: Digest): boolean
  /**
   * The same of what is held here and by other nodes together. Settles soon; never rejects.
   *
   * @param saidBy who observed the digest: likely its first holder
   */
  isInReach(repository: Repository, digest: Digest, saidBy?: NodeId): Promise<boolean>
  /** Its manifest or content failed a moment ago: upstream's word for it is not enough. */
  isSuspect(digest: Digest): boolean
  /** Digest, type and size of a manifest that is held. */
  describe(digest: Digest): Target | undefined
  /** Settles when what came a moment ago is in the store; `undefined` when nothing is on its way there. */
  settled(): Promise<void> | undefined
  /** How many required blobs are not held; for people. `undefined` when the manifest itself is not held. */
  missingCount(digest: Digest): number | undefined
}

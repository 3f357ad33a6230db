import type { Digest } from '../oci/digest.ts'
import type { NodeId } from './node-id.ts'

/** Which other nodes hold what. */
export interface Holders {
  /**
   * Live members that say they hold each of the digests, nearest first; digests that nobody holds have no entry. Settles within the
   * index' budget (50 ms), with what is known by then. With `patienceMs`, when nobody is known then, members in doubt are asked, too, and it
   * settles when all have answered or turned out to be silent, so many ms later at the latest: a node that is busy or far away is better
   * than none. Never rejects.
   *
   * With `mustAnswer`, what was known before of members in doubt counts only when they answer now: what is promised must be had a moment
   * later, while who merely tries may try those in doubt.
   *
   * `saidBy`: a node that spoke of them. It is asked together with the index, which may not have been told yet.
   */
  find(
    digests: readonly Digest[],
    signal: AbortSignal,
    options?: {
      readonly patienceMs?: number
      readonly mustAnswer?: boolean
      readonly saidBy?: NodeId | undefined
    },
  ): Promise<ReadonlyMap<Digest, readonly NodeId[]>>
  /** A member was asked and does not have it. */
  lacks(id: NodeId, digest: Digest): void
  /** A member sent bytes that are not what it said. */
  lied(id: NodeId, digest: Digest): void
}

/** A node alone: nobody else holds anything. */
export const noHolders: Pick<Holders, 'find'> = { find: async () => new Map() }

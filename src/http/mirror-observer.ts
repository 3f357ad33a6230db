import type { ClientPath, RequestKind, Target } from '../ports/mirror-request.ts'
import type { SendOutcome } from '../wire/send-blob.ts'

/** Told of what the mirror does. The metrics listen here, so that nothing in the way of a request knows them. */
export interface MirrorObserver {
  /** Every request, once its answer is on its way. */
  answered(kind: RequestKind, status: number): void
  /** A request that came by another way than the first, counted in `answered` as well. */
  cameBy(target: Target): void
  /** A blob's body ended. `bytes` went to the socket of a client that came by `path`. */
  blobSent(
    source: 'store' | 'upstream' | 'peer' | 'flight',
    outcome: Exclude<SendOutcome['kind'], 'not-begun'>,
    bytes: number,
    path: ClientPath,
  ): void
}

/** Listens to nothing. */
export const silentObserver: MirrorObserver = { answered() {}, cameBy() {}, blobSent() {} }

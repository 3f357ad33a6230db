import type { Digest, DigestAlgorithm } from '../oci/digest.ts'
import type { BlobInfo } from './content-store.ts'

/** A blob that was taken in. */
export interface TakenBlob extends BlobInfo {
  /** It was not held before. */
  readonly isNew: boolean
}

/** A blob on its way in whose digest is found out on the way. Exactly one of `commit`, `discard` ends it. */
export interface BlobIntake {
  /** Appends; the chunk must not change before it settles. One call at a time. Rejects with `store-full`. */
  write(chunk: Uint8Array): Promise<void>
  /**
   * Makes durable and publishes under the digest that the bytes have. What is held already stays as it is. Rejects with `wrong-digest`
   * when that is not `expected`.
   */
  commit(expected?: Digest): Promise<TakenBlob>
  /** Drops the bytes. */
  discard(): Promise<void>
}

/** Taking in what nobody named by its digest beforehand: the files of an archive. One suite holds every implementation to this. */
export interface ContentIntake {
  /** Begins. Room is asked for as the bytes come, so that a size that was only claimed costs nobody anything. */
  takeIn(algorithm: DigestAlgorithm): Promise<BlobIntake>
}

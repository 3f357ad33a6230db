import type { Digest } from '../oci/digest.ts'

/** A blob that is held, whole and verified. `size` in bytes. */
export interface BlobInfo {
  readonly digest: Digest
  readonly size: number
}

/** Random access to a blob's bytes. The holder closes it. */
export interface BlobReader {
  readonly size: number
  /**
   * Fills `into` from `position` and returns how many bytes were written to it: at least one, fewer than its length only when that
   * is all there is for now, 0 at or past the end.
   */
  read(into: Uint8Array, position: number): Promise<number>
  close(): Promise<void>
}

/** A held blob that can be read although nobody knows for certain yet that its bytes are the right ones. */
export interface OpenedEarly {
  readonly reader: BlobReader
  /**
   * Whether what `reader` gives hashes to the digest; rejects when that cannot be found out. Absent when it is known to. Goes on when the
   * reader is closed.
   */
  readonly verified: Promise<boolean> | undefined
}

/** A blob on its way in. Exactly one of `commit`, `suspend`, `discard` ends it. */
export interface BlobWriter {
  readonly digest: Digest
  /** Bytes present: those of an earlier interrupted download to begin with, then those plus what was written. */
  readonly offset: number
  /**
   * Appends; settles when `offset` counts the chunk, which must not change before. A call need not wait for the one before it:
   * chunks are appended in the order of the calls, and several outstanding ones in one go. Rejects with `store-full` when no room
   * may be made, with `wrong-digest` when the blob grows beyond the size it was said to have.
   */
  write(chunk: Uint8Array): Promise<void>
  /** Reads back what was written, up to `offset`. */
  read(into: Uint8Array, position: number): Promise<number>
  /**
   * Whether what was written hashes to the digest; it is neither durable nor published yet. Lets readers have a blob's end before a
   * slow disk has synced it; without it they wait for `commit`.
   */
  verify?(): Promise<boolean>
  /** Verifies, makes durable, publishes. Rejects with `wrong-digest` after dropping the bytes. Readers of this writer stay valid. */
  commit(): Promise<BlobInfo>
  /** Ends for now and keeps the bytes, durable, for a later `write()` of the same digest. */
  suspend(): Promise<void>
  /** Drops the bytes. */
  discard(): Promise<void>
  /** Frees what `read` needs. After one of the three endings, when the last reader has left. */
  release(): Promise<void>
}

export type StoreChange = {
  readonly kind: 'added' | 'removed'
  readonly digest: Digest
  readonly size: number
  /** Why a blob is gone that nobody deleted. */
  readonly reason?: 'damaged' | 'vanished'
}

export interface StoreUsage {
  /** Bytes of committed blobs. */
  readonly blobBytes: number
  /** Bytes of interrupted downloads. */
  readonly partialBytes: number
  readonly blobs: number
  /** Of the file system the store lies on. */
  readonly freeBytes: number
  readonly totalBytes: number
}

/**
 * Blobs by digest (manifests are blobs here). What is visible is whole and verified, also after a power cut.
 * One conformance suite holds every implementation to this.
 */
export interface ContentStore {
  /** What is held, from memory. */
  stat(digest: Digest): BlobInfo | undefined
  /** `undefined` when it is not held (any more). */
  open(digest: Digest): Promise<BlobReader | undefined>
  /** As `open`, which verifies what may have been touched before it settles: this one lets it be read meanwhile. */
  openEarly?(digest: Digest): Promise<OpenedEarly | undefined>
  /** A small blob whole (`maxBytes` bounds it, larger ones give `undefined`); re-verified, a damaged one is quarantined. */
  get(digest: Digest, maxBytes: number): Promise<Buffer | undefined>
  /** Stores a small blob. Rejects with `wrong-digest`, `store-full`. */
  put(digest: Digest, bytes: Uint8Array): Promise<void>
  /** Begins or continues a download. At most one writer a digest; a second call rejects. `size` in bytes, when known. */
  write(digest: Digest, size: number | undefined): Promise<BlobWriter>
  /** Bytes that an interrupted download of this blob left, 0 when none. */
  partial(digest: Digest): number
  /** Forgets a blob. Open readers go on. */
  delete(digest: Digest): Promise<void>
  list(): Iterable<BlobInfo>
  usage(): Promise<StoreUsage>
  onChange(listener: (change: StoreChange) => void): () => void
}

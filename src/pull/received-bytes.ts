/** What a download has received of a blob, readable while it grows. Exactly one of `keep`, `suspend`, `discard` ends it. */
export interface ReceivedBytes {
  /** Bytes from the start that are here or have passed. */
  readonly offset: number
  /** Whether bytes from `position` on can still be read, or will be once they come. */
  canRead(position: number): boolean
  /** Takes a chunk, which is then not the caller's any more; waits while there are too many. */
  append(chunk: Uint8Array): Promise<void>
  /** As a `BlobReader` reads, up to `offset`. */
  read(into: Uint8Array, position: number): Promise<number>
  /** Settles when all that was appended is where it belongs; rejects when something is not. */
  flush(): Promise<void>
  /** Whether the whole hashes to the digest. */
  verify(): Promise<boolean>
  /** After `verify`: makes it the store's, where it can be. */
  keep(): Promise<void>
  /** Keeps the bytes for a later download. */
  suspend(): Promise<void>
  discard(): Promise<void>
  /** After one of the endings: nobody reads any more. */
  release(): Promise<void>
}

import type { Digest } from '../../oci/digest.ts'
import type { BlobInfo, StoreChange } from '../../ports/content-store.ts'
import type { Log } from '../../ports/log.ts'

/** What is held, in memory, and who wants to know of changes. */
export interface BlobIndex {
  readonly bytes: number
  readonly count: number
  get(digest: Digest): BlobInfo | undefined
  /** Tells the listeners, unless it was known. */
  add(info: BlobInfo): void
  /** Tells the listeners, unless it was not known. */
  remove(digest: Digest, reason?: StoreChange['reason']): void
  list(): Iterable<BlobInfo>
  onChange(listener: (change: StoreChange) => void): () => void
}

/** An index of what was found at start. */
export function createBlobIndex(log: Log, found: Iterable<BlobInfo>): BlobIndex {
  const blobs = new Map<Digest, BlobInfo>()
  const listeners = new Set<(change: StoreChange) => void>()
  let bytes = 0
  for (const info of found) {
    blobs.set(info.digest, info)
    bytes += info.size
  }

  function tell(change: StoreChange): void {
    for (const listener of listeners) {
      try {
        listener(change)
      } catch (err) {
        log.error({ digest: change.digest, err }, 'a listener to the store failed')
      }
    }
  }

  return {
    get bytes() {
      return bytes
    },
    get count() {
      return blobs.size
    },
    get: digest => blobs.get(digest),
    add(info) {
      if (blobs.has(info.digest)) return
      blobs.set(info.digest, info)
      bytes += info.size
      tell({ kind: 'added', ...info })
    },
    remove(digest, reason) {
      const info = blobs.get(digest)
      if (info === undefined) return
      blobs.delete(digest)
      bytes -= info.size
      tell({ kind: 'removed', ...info, ...(reason !== undefined && { reason }) })
    },
    list: () => blobs.values(),
    onChange(listener) {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
  }
}

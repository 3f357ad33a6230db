import type { Digest } from '../oci/digest.ts'
import type { BlobInfo, StoreChange } from './content-store.ts'
import type { Log } from './log.ts'

/** What a content store holds, in memory, and who wants to know of changes. */
export interface BlobIndex<Info extends BlobInfo = BlobInfo> {
  readonly bytes: number
  readonly count: number
  get(digest: Digest): Info | undefined
  /** Tells the listeners, unless it was known. */
  add(info: Info): void
  /** Tells the listeners, unless it was not known. */
  remove(digest: Digest, reason?: StoreChange['reason']): void
  /** Forgets all, and then tells of each. */
  clear(): void
  list(): Iterable<Info>
  onChange(listener: (change: StoreChange) => void): () => void
}

/** An index of what was found at start. */
export function createBlobIndex<Info extends BlobInfo = BlobInfo>(
  log: Log,
  found: Iterable<Info> = [],
): BlobIndex<Info> {
  const blobs = new Map<Digest, Info>()
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
      const { digest, size } = info
      if (blobs.has(digest)) return
      blobs.set(digest, info)
      bytes += size
      tell({ kind: 'added', digest, size })
    },
    remove(digest, reason) {
      const info = blobs.get(digest)
      if (info === undefined) return
      blobs.delete(digest)
      bytes -= info.size
      tell({ kind: 'removed', digest, size: info.size, ...(reason !== undefined && { reason }) })
    },
    clear() {
      const gone = [...blobs.values()]
      blobs.clear()
      bytes = 0
      for (const { digest, size } of gone) tell({ kind: 'removed', digest, size })
    },
    list: () => blobs.values(),
    onChange(listener) {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
  }
}

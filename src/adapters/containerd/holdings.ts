import { type Digest, parseDigest } from '../../oci/digest.ts'
import type { BlobInfo, StoreChange } from '../../ports/content-store.ts'
import type { Log } from '../../ports/log.ts'
import type { Info } from './definitions.ts'

/** A blob that containerd lists. `appearance` is another when it went and came again. */
export interface Listed extends BlobInfo {
  readonly appearance: string
}

/** What containerd held when it was listed last, less what turned out not to be what it should. */
export interface Holdings {
  readonly bytes: number
  readonly count: number
  get(digest: Digest): Listed | undefined
  list(): Iterable<Listed>
  /** Takes up a whole new list, and tells what changed. */
  replace(listed: readonly Info[]): void
  /** Not to be had: gone since it was listed or, `damaged`, not listed again before it went and came. */
  lose(info: Listed, reason: NonNullable<StoreChange['reason']>): void
  /** Nothing can be read now. */
  clear(): void
  onChange(listener: (change: StoreChange) => void): () => void
}

export function createHoldings(log: Log): Holdings {
  let held = new Map<Digest, Listed>()
  const damaged = new Map<Digest, string>()
  const listeners = new Set<(change: StoreChange) => void>()
  let bytes = 0

  function tell(change: StoreChange): void {
    for (const listener of listeners) {
      try {
        listener(change)
      } catch (err) {
        log.error({ digest: change.digest, err }, 'a listener to the store failed')
      }
    }
  }

  function remove({ digest, size }: Listed, reason?: StoreChange['reason']): void {
    if (!held.delete(digest)) return
    bytes -= size
    tell({ kind: 'removed', digest, size, ...(reason !== undefined && { reason }) })
  }

  function add(info: Listed): void {
    held.set(info.digest, info)
    bytes += info.size
    tell({ kind: 'added', digest: info.digest, size: info.size })
  }

  function forgetDamaged(listed: ReadonlyMap<Digest, Listed>): void {
    for (const [digest, appearance] of damaged) {
      if (listed.get(digest)?.appearance !== appearance) damaged.delete(digest)
    }
  }

  return {
    get bytes() {
      return bytes
    },
    get count() {
      return held.size
    },
    get: digest => held.get(digest),
    list: () => held.values(),
    replace(infos) {
      const listed = new Map(infos.flatMap(read))
      forgetDamaged(listed)
      for (const digest of damaged.keys()) listed.delete(digest)
      for (const info of [...held.values()]) {
        if (listed.get(info.digest)?.appearance !== info.appearance) remove(info)
      }
      for (const info of listed.values()) if (!held.has(info.digest)) add(info)
    },
    lose(info, reason) {
      if (held.get(info.digest) !== info) return
      if (reason === 'damaged') {
        damaged.set(info.digest, info.appearance)
        log.error({ digest: info.digest }, "a blob in containerd's store is damaged: not served")
      }
      remove(info, reason)
    },
    clear() {
      const gone = [...held.values()]
      held = new Map()
      bytes = 0
      for (const { digest, size } of gone) tell({ kind: 'removed', digest, size })
    },
    onChange(listener) {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
  }
}

/** What has no digest that we know is nothing anybody can ask for. */
function read({ digest: text, size, createdAt }: Info): [Digest, Listed][] {
  const digest = parseDigest(text)
  if (digest === undefined) return []
  const appearance = `${createdAt?.seconds ?? 0}.${createdAt?.nanos ?? 0}`
  return [[digest, { digest, size, appearance }]]
}

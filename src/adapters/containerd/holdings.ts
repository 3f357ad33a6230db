import { type Digest, parseDigest } from '../../oci/digest.ts'
import { type BlobIndex, createBlobIndex } from '../../ports/blob-index.ts'
import type { BlobInfo, StoreChange } from '../../ports/content-store.ts'
import type { Log } from '../../ports/log.ts'
import type { Info } from './definitions.ts'

/** A blob that containerd lists. `appearance` is another when it went and came again. */
export interface Listed extends BlobInfo {
  readonly appearance: string
}

/** What containerd held when it was listed last, less what turned out not to be what it should. */
export interface Holdings
  extends Pick<BlobIndex<Listed>, 'bytes' | 'count' | 'get' | 'list' | 'clear' | 'onChange'> {
  /** Takes up a whole new list, and tells what changed. */
  replace(listed: readonly Info[]): void
  /** Not to be had: gone since it was listed or, `damaged`, not listed again before it went and came. */
  lose(info: Listed, reason: NonNullable<StoreChange['reason']>): void
}

export function createHoldings(log: Log): Holdings {
  const index = createBlobIndex<Listed>(log)
  const damaged = new Map<Digest, string>()

  function forgetDamaged(listed: ReadonlyMap<Digest, Listed>): void {
    for (const [digest, appearance] of damaged) {
      if (listed.get(digest)?.appearance !== appearance) damaged.delete(digest)
    }
  }

  return Object.assign(index, {
    replace(infos: readonly Info[]) {
      const listed = new Map(infos.flatMap(read))
      forgetDamaged(listed)
      for (const digest of damaged.keys()) listed.delete(digest)
      for (const { digest, appearance } of [...index.list()]) {
        if (listed.get(digest)?.appearance !== appearance) index.remove(digest)
      }
      for (const info of listed.values()) index.add(info)
    },
    lose(info: Listed, reason: NonNullable<StoreChange['reason']>) {
      const { digest } = info
      if (index.get(digest) !== info) return
      if (reason === 'damaged') {
        damaged.set(digest, info.appearance)
        log.error({ digest }, "a blob in containerd's store is damaged: not served")
      }
      index.remove(digest, reason)
    },
  })
}

/** What has no digest that we know is nothing anybody can ask for. */
function read({ digest: text, size, createdAt }: Info): [Digest, Listed][] {
  const digest = parseDigest(text)
  if (digest === undefined) return []
  const appearance = `${createdAt?.seconds ?? 0}.${createdAt?.nanos ?? 0}`
  return [[digest, { digest, size, appearance }]]
}

import type { Digest } from '../../oci/digest.ts'
import type { PartialInfo } from '../../ports/content-upkeep.ts'

/** Downloads that are not whole: interrupted or running. */
export interface Partials {
  readonly bytes: number
  /** Bytes present, 0 when there is none. */
  size(digest: Digest): number
  /** 0 forgets it. */
  resize(digest: Digest, size: number): void
  isOpen(digest: Digest): boolean
  /** A writer takes it. @throws Error when one has it */
  take(digest: Digest): void
  /** The writer leaves it. */
  leave(digest: Digest): void
  list(): Iterable<PartialInfo>
}

/** Keeps account of partial files. */
export function createPartials(
  found: Iterable<{ readonly digest: Digest; readonly size: number }>,
): Partials {
  const sizes = new Map<Digest, number>()
  const open = new Set<Digest>()
  let bytes = 0

  function resize(digest: Digest, size: number): void {
    bytes += size - (sizes.get(digest) ?? 0)
    if (size > 0) sizes.set(digest, size)
    else sizes.delete(digest)
  }

  for (const { digest, size } of found) resize(digest, size)
  return {
    get bytes() {
      return bytes
    },
    size: digest => sizes.get(digest) ?? 0,
    resize,
    isOpen: digest => open.has(digest),
    take(digest) {
      if (open.has(digest)) throw new Error(`${digest} is being written already`)
      open.add(digest)
    },
    leave: digest => void open.delete(digest),
    *list() {
      for (const [digest, size] of sizes) yield { digest, size, isOpen: open.has(digest) }
    },
  }
}

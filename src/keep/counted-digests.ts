import type { Digest } from '../oci/digest.ts'

/** Digests that somebody uses, until each of those who use one has left it. */
export interface CountedDigests {
  add(digest: Digest): void
  remove(digest: Digest): void
  values(): Iterable<Digest>
}

/** None to begin with. */
export function createCountedDigests(): CountedDigests {
  const counts = new Map<Digest, number>()
  return {
    add: digest => void counts.set(digest, (counts.get(digest) ?? 0) + 1),
    remove(digest) {
      const left = (counts.get(digest) ?? 0) - 1
      if (left > 0) counts.set(digest, left)
      else counts.delete(digest)
    },
    values: () => counts.keys(),
  }
}

import type { Digest } from '../oci/digest.ts'
import { formatReference, parseReference, type Repository } from '../oci/reference.ts'

/** An image that pods run by its digest. */
export interface RunningDigest {
  readonly repository: Repository
  readonly digest: Digest
}

/** What pods run by the names that they give it. */
export interface RunningNames {
  /** As `registry/repository:tag`. */
  readonly tags: ReadonlySet<string>
  /** By `registry/repository@digest`. */
  readonly byDigest: ReadonlyMap<string, RunningDigest>
}

/** Tells tags and digests apart. Throws at what is no reference. */
export function sortNames(names: Iterable<string>): RunningNames {
  const tags = new Set<string>()
  const byDigest = new Map<string, RunningDigest>()
  for (const name of names) {
    const { tag: _, digest, ...repository } = parseReference(name)
    if (digest === undefined) tags.add(name)
    else byDigest.set(formatReference({ ...repository, digest }), { repository, digest })
  }
  return { tags, byDigest }
}

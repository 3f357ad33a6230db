import type { Digest } from '../oci/digest.ts'
import { formatRepository, type Repository } from '../oci/reference.ts'

/** Where content was seen: itself, or through a manifest that refers to it. */
export interface Sightings {
  /** Returns whether this was news. */
  add(digest: Digest, repository: Repository): boolean
  forget(digest: Digest): void
  /** Every repository the digest was seen in, each once. */
  seenIn(digest: Digest): readonly Repository[]
  /**
   * Whether content may be answered under a repository: not when it was seen only under private ones, of which this is none. `isPrivate`
   * should remember what it worked out.
   */
  isServedUnder(
    digest: Digest,
    repository: Repository,
    isPrivate: (repository: Repository) => boolean,
  ): boolean
}

/**
 * Keeps sightings by digest; `parentsOf` names the manifests that refer to one, whose sightings count for it too.
 *
 * @param options `servesUnseen`: content that was never seen anywhere is nobody's secret
 */
export function createSightings(
  parentsOf: (digest: Digest) => Iterable<Digest>,
  { servesUnseen = true }: { readonly servesUnseen?: boolean | undefined } = {},
): Sightings {
  /** Lists, as most content is seen in one or two repositories: a map for each digest costs 2 MB in a store of 5 000 blobs. */
  const own = new Map<Digest, Repository[]>()
  /** One object a repository, however many digests were seen in it: it is compared by identity. */
  const repositories = new Map<string, Repository>()

  function intern({ registry, repository }: Repository): Repository {
    const name = formatRepository({ registry, repository })
    const known = repositories.get(name)
    if (known !== undefined) return known
    const fresh = { registry, repository }
    repositories.set(name, fresh)
    return fresh
  }

  /** Nearest first, so that the common case ends at the first. */
  function* walk(digest: Digest): Generator<Repository> {
    const known = new Set([digest])
    for (const at of known) {
      yield* own.get(at) ?? []
      for (const parent of parentsOf(at)) known.add(parent)
    }
  }

  return {
    add(digest, repository) {
      const one = intern(repository)
      const seen = own.get(digest)
      if (seen?.includes(one)) return false
      if (seen === undefined) own.set(digest, [one])
      else seen.push(one)
      return true
    },
    forget: digest => void own.delete(digest),
    seenIn: digest => [...new Set(walk(digest))],
    isServedUnder(digest, repository, isPrivate) {
      const asked = repositories.get(formatRepository(repository))
      let seen = false
      for (const where of walk(digest)) {
        if (where === asked || !isPrivate(where)) return true
        seen = true
      }
      return servesUnseen && !seen
    },
  }
}

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
  const own = new Map<Digest, Map<string, Repository>>()
  /** One object a repository, however many digests were seen in it. */
  const repositories = new Map<string, Repository>()

  function intern(name: string, { registry, repository }: Repository): Repository {
    const known = repositories.get(name)
    if (known !== undefined) return known
    const fresh = { registry, repository }
    repositories.set(name, fresh)
    return fresh
  }

  /** Nearest first, so that the common case ends at the first. */
  function* walk(digest: Digest): Generator<readonly [string, Repository]> {
    const known = new Set([digest])
    for (const at of known) {
      yield* own.get(at) ?? []
      for (const parent of parentsOf(at)) known.add(parent)
    }
  }

  return {
    add(digest, repository) {
      const name = formatRepository(repository)
      const seen = own.get(digest) ?? new Map<string, Repository>()
      if (seen.has(name)) return false
      seen.set(name, intern(name, repository))
      own.set(digest, seen)
      return true
    },
    forget: digest => void own.delete(digest),
    seenIn: digest => [...new Map(walk(digest)).values()],
    isServedUnder(digest, repository, isPrivate) {
      const asked = formatRepository(repository)
      let seen = false
      for (const [name, where] of walk(digest)) {
        if (name === asked || !isPrivate(where)) return true
        seen = true
      }
      return servesUnseen && !seen
    },
  }
}

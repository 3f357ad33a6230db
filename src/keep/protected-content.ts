import type { Digest } from '../oci/digest.ts'

/** Why something may not be collected: it is to stay however long, or only until what fetches it has ended. */
export type Protection = 'kept' | 'arriving'

/** What must not be collected now, and why. */
export type ProtectedContent = ReadonlyMap<Digest, Protection>

/** Whom protection asks; everything is answered from memory. */
export interface ProtectionParts {
  /** A digest with all that belongs to it, itself included: what it needs on all levels, and what refers to any of that. */
  treeOf(digest: Digest): Iterable<Digest>
  /** Roots that stay whatever happens: pins, warm lists, keeps. */
  kept(): Iterable<Digest>
  /** The digests of every tag in use, newest first. */
  tagsInUse(): Iterable<readonly Digest[]>
  /** For this node's clients. */
  isComplete(digest: Digest): boolean
  /** What background work uses. */
  inFlight(): Iterable<Digest>
  /** What clients may be pulling. */
  pulled(): Iterable<Digest>
  /** Whether all of an image could be stored beside what is kept. */
  fitsBeside(kept: ReadonlySet<Digest>): (image: Digest) => boolean
}

/**
 * What must not be collected now: the keep set, the newest complete digest of every tag in use (the one that is served offline until
 * a newer one is complete), and what is being worked with, each with its whole tree and its referrers. A pull that can never be stored
 * whole is not waited for: it would keep everything else out.
 */
export function protectedContent(parts: ProtectionParts): ProtectedContent {
  const served = [...parts.tagsInUse()].map(digests => digests.find(parts.isComplete))
  const kept = treesOf([...parts.kept(), ...served.filter(digest => digest !== undefined)])
  const fits = parts.fitsBeside(kept)
  const arriving = treesOf([...parts.inFlight(), ...[...parts.pulled()].filter(fits)])
  return new Map([...asEntries(arriving, 'arriving'), ...asEntries(kept, 'kept')])

  function treesOf(roots: readonly Digest[]): ReadonlySet<Digest> {
    return new Set([...new Set(roots)].flatMap(root => [...parts.treeOf(root)]))
  }
}

const asEntries = (
  digests: ReadonlySet<Digest>,
  why: Protection,
): readonly (readonly [Digest, Protection])[] => [...digests].map(digest => [digest, why])

import type { Digest } from '../oci/digest.ts'

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
  /** What running requests and background work use. */
  inFlight(): Iterable<Digest>
}

/**
 * What must not be collected now: the keep set, the newest complete digest of every tag in use (the one that is served offline until
 * a newer one is complete), and what is being worked with, each with its whole tree and its referrers.
 */
export function protectedContent(parts: ProtectionParts): ReadonlySet<Digest> {
  const roots = new Set([...parts.kept(), ...parts.inFlight()])
  for (const digests of parts.tagsInUse()) {
    const served = digests.find(digest => parts.isComplete(digest))
    if (served !== undefined) roots.add(served)
  }
  const found = new Set<Digest>()
  for (const root of roots) for (const digest of parts.treeOf(root)) found.add(digest)
  return found
}

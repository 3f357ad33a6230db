import type { Digest } from '../oci/digest.ts'
import {
  formatRepository,
  formatTag,
  type Repository,
  type TagReference,
} from '../oci/reference.ts'
import type { BlockedAnswers } from '../ports/blocked-answers.ts'
import type { PinBook } from '../ports/pin-book.ts'

/** A digest that is known as an image of other repositories alone. */
export interface Elsewhere {
  /** In byte order. */
  readonly repositories: readonly string[]
  /** The registry was asked, and does not have it in the repository that it is wanted in. */
  readonly isMissing: boolean
}

/**
 * Tells a digest of which only other repositories are known to have it: `undefined` where the repository of the tag has it, or where
 * nothing is known of where it comes from.
 */
export type FindElsewhere = (
  key: TagReference,
  digest: Digest,
  signal: AbortSignal,
) => Promise<Elsewhere | undefined>

/** What is known of a repository's images by what was pulled, what tags stand for, and what the registry says. */
export function createFindElsewhere(parts: {
  readonly book: Pick<PinBook, 'get'>
  readonly history: BlockedAnswers['history']
  readonly tagsOf: BlockedAnswers['tagsOf']
  /** Every repository in which a digest was seen. */
  readonly seenIn: (digest: Digest) => readonly Repository[]
  /** Whether the registry has it there; `undefined`: it cannot be asked, or does not say. */
  readonly askPresence: (
    repository: Repository,
    digest: Digest,
    signal: AbortSignal,
  ) => Promise<boolean | undefined>
}): FindElsewhere {
  const isTagged = (key: TagReference, digest: Digest): boolean =>
    parts.book.get(key)?.target?.digest === digest ||
    parts.history(key).some(seen => seen.digest === digest)

  return async (key, digest, signal) => {
    if (isTagged(key, digest)) return undefined
    const known = [...parts.seenIn(digest), ...(await parts.tagsOf(digest))]
    const repositories = [...new Set(known.map(nameOf))].sort()
    if (repositories.length === 0 || repositories.includes(nameOf(key))) return undefined
    const isThere = await parts.askPresence(key, digest, signal)
    return isThere === true ? undefined : { repositories, isMissing: isThere === false }
  }
}

const nameOf = ({ registry, repository }: Repository): string =>
  formatRepository({ registry, repository })

/** Why it is not pinned without more ado. */
export function tellElsewhere(
  key: TagReference,
  digest: Digest,
  { repositories, isMissing }: Elsewhere,
): string {
  const here = isMissing
    ? `and the registry does not have it in ${nameOf(key)}`
    : `and is not known to be one of ${nameOf(key)}`
  return `${digest} is an image of ${repositories.slice(0, maxNamed).join(', ')}, ${here}: is it meant for ${formatTag(key)}? allowElsewhere (--allow-elsewhere) pins it all the same`
}

/** Repositories that are told by their names. */
const maxNamed = 3

import type { Digest } from '../oci/digest.ts'
import { formatTag, type TagReference } from '../oci/reference.ts'
import type { PinState } from '../ports/pin-book.ts'
import type { Target } from '../ports/tag-ledger.ts'
import { Refusal } from './operator-word.ts'

/** What a tag stood for before. */
export interface EarlierDigest {
  readonly target: Target
  /** Blocked digests that were passed over on the way back, newest first. */
  readonly skipped: readonly Digest[]
}

/**
 * The newest of a tag's history that is not what the tag answers with, and not blocked. Throws {@link Refusal}, which says what to type.
 *
 * @param known.history newest first, blocked digests among it. @param known.standing its pin
 */
export function findEarlier(
  key: TagReference,
  known: {
    readonly history: readonly Target[]
    readonly standing: PinState | undefined
    readonly isBlocked: (digest: Digest) => boolean
  },
): EarlierDigest {
  const { history, standing } = known
  const isServed = ({ digest }: Target): boolean => !known.isBlocked(digest)
  const answered =
    standing?.standing === 'in-force' ? standing.target?.digest : history.find(isServed)?.digest
  const at = history.findIndex(({ digest }) => digest === answered)
  const earlier = history.slice(at + 1).filter(({ digest }) => digest !== answered)
  const target = earlier.find(isServed)
  if (target === undefined) {
    const blocked = history.find(one => !isServed(one))?.digest
    throw new Refusal('nothing', tellNothing(formatTag(key), { blocked, answered }))
  }
  const skipped = earlier.slice(0, earlier.indexOf(target)).map(({ digest }) => digest)
  return { target, skipped }
}

function tellNothing(
  tag: string,
  { blocked, answered }: Readonly<Record<'blocked' | 'answered', Digest | undefined>>,
): string {
  if (blocked !== undefined) {
    return `${tag} is known to have stood for nothing else that may be served: ${blocked} is blocked; \`holdfast unblock ${blocked}\` lifts that`
  }
  return answered === undefined
    ? `nothing is remembered of ${tag}; \`holdfast tags\` lists what is`
    : `${tag} is not known to have stood for anything but ${answered}; \`holdfast pin ${tag} DIGEST\` takes another one`
}

import type { Digest } from '../oci/digest.ts'
import type { Platform } from '../oci/platform.ts'
import type { Repository } from '../oci/reference.ts'
import type { Holders } from '../ports/holders.ts'
import type { NodeId } from '../ports/node-id.ts'
import type { Completeness, NeededContent } from './completeness.ts'
import type { Manifests } from './get-manifest.ts'

/** What gaps are looked for in. */
export interface GapParts {
  readonly holders: Pick<Holders, 'find'>
  readonly completeness: Pick<Completeness, 'needs'>
  readonly manifests: Pick<Manifests, 'fetchFromPeers'>
}

/** Which image, for whom. */
export interface GapQuestion {
  readonly repository: Repository
  readonly target: Digest
  /** By default this node's. */
  readonly platforms?: readonly Platform[]
  /** Who observed it, and is likely to hold it before the index is told. */
  readonly saidBy?: NodeId | undefined
}

/** An index in an index in an index is the deepest that is looked into. */
const maxRounds = 4
/** Manifests and blobs of one image that are looked up. */
const maxNeeds = 4_096
/** Looked up in one question, and manifests that are fetched at once: no more are answered. */
const maxAtOnce = 256

/**
 * What clients of some platforms need of an image and neither this node nor a live member holds; empty when all of it can be had without
 * the registry. What its manifests say is fetched from their holders first; below one that cannot be had nothing is known. `undefined` when
 * it has nothing for one of the platforms, or more than can be looked up. Rejects when `signal` aborts.
 *
 * @param patienceMs how long nodes that are slow to say what they hold are waited for
 */
export async function findGaps(
  { holders, completeness, manifests }: GapParts,
  { repository, target, platforms, saidBy }: GapQuestion,
  { patienceMs, signal }: { readonly patienceMs: number; readonly signal: AbortSignal },
): Promise<readonly NeededContent[] | undefined> {
  for (let round = 0; round < maxRounds; round += 1) {
    const needs = completeness.needs(target, platforms)
    if (needs === undefined || needs.length > maxNeeds) return undefined
    const unread = needs.filter(({ isUnread }) => isUnread)
    if (unread.length === 0) return notHeld(needs)
    const absent = await notDelivered(unread)
    if (absent.length > 0) return absent
  }
  return undefined

  async function notHeld(needs: readonly NeededContent[]): Promise<readonly NeededContent[]> {
    const gaps: NeededContent[] = []
    for (const some of inParts(needs)) {
      const digests = some.map(({ digest }) => digest)
      const found = await holders.find(digests, signal, { patienceMs, saidBy, mustAnswer: true })
      signal.throwIfAborted()
      gaps.push(...some.filter(({ digest }) => !found.has(digest)))
    }
    return gaps
  }

  async function notDelivered(unread: readonly NeededContent[]): Promise<readonly NeededContent[]> {
    const absent: NeededContent[] = []
    for (const some of inParts(unread)) {
      const came = await Promise.all(
        some.map(({ digest }) => manifests.fetchFromPeers(repository, digest, signal, { saidBy })),
      )
      signal.throwIfAborted()
      absent.push(...some.filter((_, at) => came[at] === undefined))
    }
    return absent
  }
}

const inParts = (needs: readonly NeededContent[]): readonly (readonly NeededContent[])[] =>
  Array.from({ length: Math.ceil(needs.length / maxAtOnce) }, (_, at) =>
    needs.slice(at * maxAtOnce, (at + 1) * maxAtOnce),
  )

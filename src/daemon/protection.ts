import { LRUCache } from 'lru-cache'
import { type ProtectedContent, protectedContent } from '../keep/protected-content.ts'
import type { Running } from '../keep/running.ts'
import type { Digest } from '../oci/digest.ts'
import type { Platform } from '../oci/platform.ts'
import type { ContentStore } from '../ports/content-store.ts'
import type { ContentGraph } from '../pull/content-graph.ts'
import { imageParts } from '../pull/image-parts.ts'
import type { LedgerRoots } from './ledger-roots.ts'

/** What is not to be collected on this node. */
export interface ProtectedHere {
  /** Now. */
  now(): Promise<ProtectedContent>
  /** A client may be fetching it, or pods of this node run it, as known when {@link ProtectedHere.now} was asked last: it is left to no other node. */
  isNeededHere(digest: Digest): boolean
  /** A client was answered with this image: while he may be fetching it, it is not collected. */
  answered(image: Digest): void
  /** Whether an empty store would take all of an image, as far as its manifests are known. */
  mayFit(image: Digest): boolean
  /** What an import brought so far. */
  readonly importing: Set<Digest>
  /** What warm jobs that run here want, from now on. */
  warmBy(wanted: () => Iterable<Digest>): void
}

/** How long after an answer its image may still be on its way to a client, in ms. */
const pullMs = 10 * 60_000
const maxAnswered = 1_000

/** Works out what is protected from what is known in memory. */
export function protectHere(
  parts: {
    readonly ledgerRoots: () => Promise<LedgerRoots>
    readonly graph: Pick<ContentGraph, 'manifest' | 'sizeOf' | 'reachable'>
    readonly store: Pick<ContentStore, 'stat'>
    readonly isComplete: (digest: Digest) => boolean
    readonly running: Pick<Running, 'digestsHere'>
  },
  settings: { readonly platforms: readonly Platform[]; readonly quotaBytes: number },
): ProtectedHere {
  const { graph, store, isComplete, running } = parts
  const { quotaBytes } = settings
  const answered = new LRUCache<Digest, true>({ max: maxAnswered, ttl: pullMs })
  const importing = new Set<Digest>()
  let wanted: () => Iterable<Digest> = () => []
  let neededHere: ReadonlySet<Digest> = new Set()

  /** All that clients of this node need of an image; of one that has nothing for them, all that is known. */
  function partsOf(image: Digest): readonly Digest[] {
    const needed = imageParts(graph, image, settings.platforms)
    const isKnown = needed.some(({ kind }) => kind === 'blob')
    return isKnown ? needed.map(({ digest }) => digest) : [...graph.reachable(image)]
  }

  const sizeOf = (digests: readonly Digest[]): number =>
    digests.reduce((sum, digest) => sum + (graph.sizeOf(digest) ?? 0), 0)

  function fitsBeside(kept: ReadonlySet<Digest>): (image: Digest) => boolean {
    const held = [...kept].filter(digest => store.stat(digest) !== undefined)
    const roomBytes = quotaBytes - sizeOf(held)
    return image => sizeOf(partsOf(image).filter(digest => !kept.has(digest))) <= roomBytes
  }

  return {
    async now() {
      const { kept, images, onTheMove } = await parts.ledgerRoots()
      const runs = images.filter(({ isHere }) => isHere).map(({ digest }) => digest)
      const used = [...answered.keys(), ...running.digestsHere(), ...runs]
      neededHere = new Set(used.flatMap(digest => [...graph.reachable(digest)]))
      return protectedContent({
        treeOf: graph.reachable,
        kept: () => kept,
        tagsInUse: () => onTheMove,
        isComplete,
        inFlight: () => [...importing, ...wanted()],
        pulled: () => [...answered.keys()].filter(digest => !isComplete(digest)),
        fitsBeside,
      })
    },
    isNeededHere: digest => neededHere.has(digest),
    answered: image => void answered.set(image, true),
    mayFit: image => sizeOf(partsOf(image)) <= quotaBytes,
    importing,
    warmBy(jobs) {
      wanted = jobs
    },
  }
}

import type { Digest } from '../oci/digest.ts'
import type { CatalogContents, ContentCatalog } from '../ports/content-catalog.ts'
import type { ContentStore } from '../ports/content-store.ts'

/** When content was last used, in ms on the usage clock; survives restarts. */
export interface LastUse {
  /**
   * A client used this digest, and with it its whole tree and its referrers. Cheap enough for every request: nothing happens when
   * the digest was used less than `grainMs` ago.
   */
  use(digest: Digest): void
  /** What was never seen is taken to be used now. */
  usedAtMs(digest: Digest): number
  close(): void
}

export interface LastUseParts {
  readonly store: Pick<ContentStore, 'stat' | 'partial' | 'list' | 'onChange'>
  readonly catalog: Pick<ContentCatalog, 'touch'>
  /** A digest with all that belongs to it, itself included: what it needs on all levels, and what refers to any of that. */
  readonly treeOf: (digest: Digest) => Iterable<Digest>
  /** {@link createUsageClock}'s. */
  readonly nowMs: () => number
}

/**
 * Follows the store: what comes in is used at that moment, what goes out is forgotten. Content that has no recorded use (a lost
 * database) counts as used now, never as unused for ever.
 *
 * @param uses what the catalog recorded
 */
export function createLastUse(
  { store, catalog, treeOf, nowMs }: LastUseParts,
  uses: CatalogContents['uses'],
  { grainMs = 60_000 }: { readonly grainMs?: number } = {},
): LastUse {
  const isHere = (digest: Digest) => store.stat(digest) !== undefined || store.partial(digest) > 0
  const lastMs = new Map<Digest, number>()

  function stamp(digests: readonly Digest[]): number {
    const atMs = nowMs()
    for (const digest of digests) lastMs.set(digest, atMs)
    if (digests.length > 0) catalog.touch(digests, atMs)
    return atMs
  }

  for (const { digest, atMs } of uses) if (isHere(digest)) lastMs.set(digest, atMs)
  stamp([...store.list()].map(({ digest }) => digest).filter(digest => !lastMs.has(digest)))

  const stop = store.onChange(({ kind, digest }) => {
    if (kind === 'added') stamp([digest])
    else lastMs.delete(digest)
  })

  return {
    use(digest) {
      const before = lastMs.get(digest)
      if (before !== undefined && nowMs() - before < grainMs) return
      stamp([...treeOf(digest)].filter(isHere))
    },
    usedAtMs: digest => lastMs.get(digest) ?? (isHere(digest) ? stamp([digest]) : nowMs()),
    close: stop,
  }
}

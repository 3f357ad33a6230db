import type { Digest } from '../oci/digest.ts'
import { OciError } from '../oci/errors.ts'
import { type Descriptor, type Manifest, maxManifestBytes, parseManifest } from '../oci/manifest.ts'
import type { Repository } from '../oci/reference.ts'
import type { CatalogContents, ContentCatalog } from '../ports/content-catalog.ts'
import type { ContentStore } from '../ports/content-store.ts'
import type { Log } from '../ports/log.ts'
import type { Target } from '../ports/tag-ledger.ts'
import { readManifests } from './learn-manifests.ts'
import { childrenOf, createManifestEdges } from './manifest-edges.ts'
import { createSightings, type Sightings } from './sightings.ts'

/** A manifest that was read, held or not. */
export interface KnownManifest {
  readonly digest: Digest
  /** The type it is served with. */
  readonly mediaType: string
  readonly content: Manifest
}

/** Told of every manifest that becomes known or is forgotten. */
export interface GraphListener {
  learned(manifest: KnownManifest): void
  forgotten(manifest: KnownManifest): void
}

/** All manifests we know and what they refer to, in memory; the catalog keeps it across restarts. */
export interface ContentGraph extends Pick<Sightings, 'seenIn' | 'isServedUnder'> {
  /**
   * Takes up what the catalog kept and reads what it lacks from the store: afterwards the graph knows every manifest that is held.
   * Called once, before the first question.
   */
  load(contents?: CatalogContents): Promise<void>
  /**
   * Learns a manifest from its bytes, which were verified. `mediaType` is what it was served with.
   * Throws `OciError` `MANIFEST_INVALID` when they are none.
   */
  learn(digest: Digest, mediaType: string | undefined, bytes: Uint8Array): KnownManifest
  manifest(digest: Digest): KnownManifest | undefined
  /** Digest, type and size of a manifest that is held. */
  describe(digest: Digest): Target | undefined
  /** Bytes, as stored or as the manifests that refer to it say; `undefined` when nobody says or they disagree. */
  sizeOf(digest: Digest): number | undefined
  /** A registry has this content in this repository: it named it there or delivered it from there. */
  addSighting(digest: Digest, repository: Repository): void
  /** Manifests that have this among their children. */
  parents(digest: Digest): ReadonlySet<Digest>
  /** All manifests above: parents, theirs, and so on. */
  ancestors(digest: Digest): ReadonlySet<Digest>
  /** The whole tree of a digest, itself included, for all platforms, with the referrers of what is in it and their trees. */
  reachable(digest: Digest): ReadonlySet<Digest>
  /** Manifests that are held and name this as their subject, as the referrers API describes them. */
  referrers(subject: Digest): readonly Descriptor[]
  /** Forgets those of them that are not held: they were dropped while nobody looked. */
  forgetAbsent(digests: Iterable<Digest>): void
  /** Calls back for every manifest known from now on; returns what ends that. */
  onManifest(listener: GraphListener): () => void
  /** Waits for what is still being read. */
  close(): Promise<void>
}

/** Manifests remembered that are not held (streamed while the store was full); the oldest is forgotten first. */
const maxUnheld = 1_000

/**
 * Builds the graph over a store, whose changes it follows: what comes into the store by another way is read behind.
 *
 * @param options `servesUnseen`: content that was seen in no repository (as far as is known after a crash) is served under all
 */
export function createContentGraph(
  {
    store,
    catalog,
    log,
  }: {
    readonly store: ContentStore
    readonly catalog: ContentCatalog
    readonly log: Log
  },
  options: { readonly servesUnseen?: boolean | undefined } = {},
): ContentGraph {
  const known = new Map<Digest, KnownManifest>()
  const unheld = new Set<Digest>()
  const edges = createManifestEdges()
  const sightings = createSightings(edges.parents, options)
  const listeners = new Set<GraphListener>()
  let reading = Promise.resolve()

  const stopListening = store.onChange(({ kind, digest, size }) => {
    if (kind === 'removed') return dropped(digest)
    const manifest = known.get(digest)
    unheld.delete(digest)
    if (manifest !== undefined) catalog.addManifest(manifest)
    else if (size <= maxManifestBytes && !isLeaf(digest)) {
      reading = reading.then(() => read([{ digest }]))
    }
  })

  /** Named as a config or layer by an image: no manifest, whatever it looks like. */
  function isLeaf(digest: Digest): boolean {
    for (const parent of edges.parents(digest)) {
      if (known.get(parent)?.content.kind === 'image') return true
    }
    return false
  }

  function place(manifest: KnownManifest): KnownManifest {
    const before = known.get(manifest.digest)
    if (before !== undefined) return before
    known.set(manifest.digest, manifest)
    edges.add(manifest.digest, manifest.content)
    for (const listener of listeners) listener.learned(manifest)
    return manifest
  }

  function forget(digest: Digest): void {
    const manifest = known.get(digest)
    if (manifest === undefined) return
    known.delete(digest)
    edges.remove(digest, manifest.content)
    for (const listener of listeners) listener.forgotten(manifest)
  }

  function dropped(digest: Digest): void {
    forget(digest)
    sightings.forget(digest)
    catalog.forget([digest])
  }

  function learn(digest: Digest, mediaType: string | undefined, bytes: Uint8Array): KnownManifest {
    const before = known.get(digest)
    if (before !== undefined) return before
    const content = parseManifest(bytes, mediaType)
    const manifest = place({ digest, mediaType: mediaType ?? content.mediaType, content })
    if (store.stat(digest) !== undefined) catalog.addManifest(manifest)
    else keepUnheld(digest)
    return manifest
  }

  function keepUnheld(digest: Digest): void {
    unheld.add(digest)
    const [oldest] = unheld
    if (unheld.size <= maxUnheld || oldest === undefined) return
    unheld.delete(oldest)
    forget(oldest)
  }

  function read(entries: Iterable<{ digest: Digest; mediaType?: string }>): Promise<void> {
    return readManifests(store, entries, ({ digest, mediaType }, bytes) => {
      if (known.has(digest) || isLeaf(digest)) return
      try {
        learn(digest, mediaType, bytes)
      } catch (error) {
        if (!(error instanceof OciError)) throw error
        log.debug({ digest, err: error }, 'looked like a manifest and is none')
      }
    })
  }

  function* unknown(): Generator<{ digest: Digest }> {
    for (const { digest, size } of store.list()) {
      if (size <= maxManifestBytes && !known.has(digest) && !isLeaf(digest)) yield { digest }
    }
  }

  async function load(contents: CatalogContents = catalog.load()): Promise<void> {
    const unread: { digest: Digest; mediaType: string }[] = []
    for (const { digest, mediaType, content } of contents.manifests) {
      if (content === undefined) unread.push({ digest, mediaType })
      else place({ digest, mediaType, content })
    }
    for (const { digest, repository } of contents.sightings) sightings.add(digest, repository)
    await read(unread)
    // After a lost database the store is all there is. Leaves drop out as the images that name them become known.
    await read(unknown())
  }

  function describe(digest: Digest): Target | undefined {
    const manifest = known.get(digest)
    const held = manifest && store.stat(digest)
    return held && { digest, mediaType: manifest.mediaType, size: held.size }
  }

  function asReferrer(digest: Digest): Descriptor | undefined {
    const target = describe(digest)
    const content = known.get(digest)?.content
    if (target === undefined || content === undefined) return undefined
    const { annotations } = content
    // https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#listing-referrers
    const artifactType =
      content.artifactType ?? (content.kind === 'image' ? content.config.mediaType : undefined)
    return {
      ...target,
      ...(artifactType !== undefined && { artifactType }),
      ...(annotations !== undefined && { annotations }),
    }
  }

  function reachable(digest: Digest): ReadonlySet<Digest> {
    const found = new Set([digest])
    for (const at of found) {
      const content = known.get(at)?.content
      if (content !== undefined) for (const child of childrenOf(content)) found.add(child.digest)
      for (const referrer of edges.referrers(at)) found.add(referrer)
    }
    return found
  }

  function ancestors(digest: Digest): ReadonlySet<Digest> {
    const found = new Set(edges.parents(digest))
    for (const at of found) for (const parent of edges.parents(at)) found.add(parent)
    return found
  }

  return {
    load,
    learn,
    manifest: digest => known.get(digest),
    describe,
    sizeOf: digest => store.stat(digest)?.size ?? edges.sizeOf(digest),
    addSighting(digest, repository) {
      if (sightings.add(digest, repository)) catalog.addSighting(digest, repository)
    },
    seenIn: sightings.seenIn,
    isServedUnder: sightings.isServedUnder,
    parents: edges.parents,
    ancestors,
    reachable,
    referrers: subject =>
      [...edges.referrers(subject)].map(asReferrer).filter(found => found !== undefined),
    forgetAbsent(digests) {
      for (const digest of digests) if (store.stat(digest) === undefined) dropped(digest)
    },
    onManifest(listener) {
      listeners.add(listener)
      return () => void listeners.delete(listener)
    },
    async close() {
      stopListening()
      await reading
    },
  }
}

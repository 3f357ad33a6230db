import type { Digest } from '../oci/digest.ts'
import type { Descriptor, ImageManifest, Manifest } from '../oci/manifest.ts'
import { isNonDistributable } from '../oci/media-type.ts'
import { choose, formatPlatform, type Platform } from '../oci/platform.ts'
import type { Clock } from '../ports/clock.ts'
import type { ContentStore } from '../ports/content-store.ts'
import type { ContentGraph } from './content-graph.ts'

/** Content that is wanted and not held. */
export interface MissingContent {
  readonly digest: Digest
  /** Fetched as a manifest or as a blob. */
  readonly kind: 'manifest' | 'blob'
  /** Bytes, when a manifest says it. */
  readonly size: number | undefined
}

/** Content that is wanted and not held, wherever it is to come from. */
export interface NeededContent {
  readonly digest: Digest
  /** A manifest of which it is not known what it refers to. */
  readonly isUnread: boolean
}

/** Whether images are complete here; every answer is out of memory, without walking a tree. */
export interface Completeness {
  /**
   * Whether all is held that containerd needs to run `target` on each of the platforms: the manifest it would choose, its config and
   * all distributable layers. An index without one of them is not complete; attestations and referrers do not count.
   *
   * @param platforms by default this node's
   */
  isComplete(target: Digest, platforms?: readonly Platform[]): boolean
  /**
   * What is to be fetched next to make it complete. What an absent manifest refers to is not known before it is here. Platforms that an
   * index does not have are passed over: nothing could be fetched for them.
   */
  missing(target: Digest, platforms?: readonly Platform[]): readonly MissingContent[]
  /**
   * All that is not held of what clients of some platforms need, also below manifests that were read and are not held; empty when it is
   * complete. `undefined` when it has nothing for one of the platforms.
   *
   * @param platforms by default this node's
   */
  needs(target: Digest, platforms?: readonly Platform[]): readonly NeededContent[] | undefined
  /**
   * How many required blobs are not held; for people. `undefined` when the manifest for one of this node's platforms is not held or
   * there is none.
   */
  missingCount(target: Digest): number | undefined
  /**
   * Its manifest or content failed: for a while (60 s unless told) upstream's word for it is not enough. That ends early when what failed
   * comes into the store.
   */
  markSuspect(digest: Digest, forMs?: number): void
  /** Marks a blob or manifest that failed, and with it all that refers to it. */
  markContentFailed(digest: Digest): void
  isSuspect(digest: Digest): boolean
  /** Whoever could not deliver is back: what failed there is believed again. */
  forgive(isMeant: (failed: Digest) => boolean): void
  close(): void
}

/** How long a failed digest is not believed, in ms. */
const suspectMs = 60_000
/** Suspects remembered at the most. */
const maxSuspects = 10_000

/** Counts, for every image manifest known, which of its parts are absent, and follows the store and the graph. */
export function createCompleteness(
  {
    graph,
    store,
    clock,
  }: {
    readonly graph: Pick<ContentGraph, 'manifest' | 'onManifest' | 'parents' | 'ancestors'>
    readonly store: Pick<ContentStore, 'stat' | 'onChange'>
    readonly clock: Clock
  },
  settings: { readonly platforms: readonly Platform[] },
): Completeness {
  /** Parts that are required and not held, by image manifest; no entry when all are held. */
  const absent = new Map<Digest, Set<Digest>>()
  /** What containerd would choose from an index, by platform. */
  const choices = new Map<Digest, Map<string, Descriptor | undefined>>()
  /** Until when, on the monotonic clock, for each thing that failed in it. */
  const suspects = new Map<Digest, Map<Digest, number>>()
  const keys = new WeakMap<Platform, string>()
  const isHeld = (digest: Digest): boolean => store.stat(digest) !== undefined

  const stopGraph = graph.onManifest({
    learned({ digest, content }) {
      if (content.kind !== 'image') return
      const parts = requiredParts(content).filter(part => !isHeld(part.digest))
      if (parts.length > 0) absent.set(digest, new Set(parts.map(part => part.digest)))
    },
    forgotten({ digest }) {
      absent.delete(digest)
      choices.delete(digest)
    },
  })
  const stopStore = store.onChange(({ kind, digest }) => {
    if (kind === 'added' && suspects.size > 0) acquit(digest)
    for (const parent of graph.parents(digest)) {
      const content = graph.manifest(parent)?.content
      if (content?.kind === 'image') note(parent, content, digest, kind === 'added')
    }
  })

  function note(image: Digest, content: ImageManifest, part: Digest, held: boolean): void {
    const parts = absent.get(image) ?? new Set()
    if (held) parts.delete(part)
    else if (requiredParts(content).some(({ digest }) => digest === part)) parts.add(part)
    if (parts.size === 0) absent.delete(image)
    else absent.set(image, parts)
  }

  function keyOf(platform: Platform): string {
    const key = keys.get(platform) ?? formatPlatform(platform)
    keys.set(platform, key)
    return key
  }

  function chosenFrom(digest: Digest, content: Manifest, platform: Platform) {
    if (content.kind === 'image') return undefined
    const known = choices.get(digest) ?? new Map<string, Descriptor | undefined>()
    choices.set(digest, known)
    const key = keyOf(platform)
    if (!known.has(key)) known.set(key, choose(content.manifests, platform))
    return known.get(key)
  }

  function isCompleteFor(digest: Digest, platform: Platform): boolean {
    const content = graph.manifest(digest)?.content
    if (content === undefined || !isHeld(digest)) return false
    if (content.kind === 'image') return !absent.has(digest)
    const chosen = chosenFrom(digest, content, platform)
    return chosen !== undefined && isCompleteFor(chosen.digest, platform)
  }

  /** What `target` lacks on one platform; `undefined` when there is nothing for that platform in it. */
  function lacking(
    digest: Digest,
    size: number | undefined,
    platform: Platform,
  ): readonly MissingContent[] | undefined {
    const content = graph.manifest(digest)?.content
    if (content === undefined || !isHeld(digest)) return [{ digest, kind: 'manifest', size }]
    if (content.kind === 'image') return absentParts(digest, content)
    const chosen = chosenFrom(digest, content, platform)
    return chosen && lacking(chosen.digest, chosen.size, platform)
  }

  function absentParts(image: Digest, content: ImageManifest): readonly MissingContent[] {
    const parts = absent.get(image)
    if (parts === undefined) return []
    return requiredParts(content)
      .filter(({ digest }) => parts.has(digest))
      .map(({ digest, size }) => ({ digest, kind: 'blob', size }))
  }

  function missing(
    target: Digest,
    platforms: readonly Platform[] = settings.platforms,
  ): readonly MissingContent[] {
    const found = new Map<Digest, MissingContent>()
    for (const platform of platforms) {
      for (const part of lacking(target, undefined, platform) ?? []) found.set(part.digest, part)
    }
    return [...found.values()]
  }

  function neededFor(digest: Digest, platform: Platform): readonly NeededContent[] | undefined {
    const content = graph.manifest(digest)?.content
    if (content === undefined) return [{ digest, isUnread: true }]
    const own = isHeld(digest) ? [] : [{ digest, isUnread: false }]
    if (content.kind === 'image') {
      const parts = [...(absent.get(digest) ?? [])]
      return [...own, ...parts.map(part => ({ digest: part, isUnread: false }))]
    }
    const chosen = chosenFrom(digest, content, platform)
    const below = chosen && neededFor(chosen.digest, platform)
    return below && [...own, ...below]
  }

  function needs(
    target: Digest,
    platforms: readonly Platform[] = settings.platforms,
  ): readonly NeededContent[] | undefined {
    const found = new Map<Digest, NeededContent>()
    for (const platform of platforms) {
      const needed = neededFor(target, platform)
      if (needed === undefined) return undefined
      for (const each of needed) found.set(each.digest, each)
    }
    return [...found.values()]
  }

  function suspect(digest: Digest, failed: Digest, forMs: number): void {
    const [oldest] = suspects.keys()
    if (suspects.size >= maxSuspects && oldest !== undefined) suspects.delete(oldest)
    const causes = suspects.get(digest) ?? new Map<Digest, number>()
    suspects.delete(digest)
    suspects.set(digest, causes.set(failed, clock.monotonicMs() + forMs))
  }

  /** What failed has come after all. */
  function acquit(came: Digest): void {
    for (const digest of [came, ...graph.ancestors(came)]) suspects.get(digest)?.delete(came)
  }

  return {
    isComplete: (target, platforms = settings.platforms) =>
      platforms.every(platform => isCompleteFor(target, platform)),
    missing,
    needs,
    missingCount(target) {
      const found = settings.platforms.map(platform => lacking(target, undefined, platform))
      const known = found.every(parts => parts?.every(({ kind }) => kind === 'blob'))
      return known ? new Set(found.flatMap(parts => parts?.map(p => p.digest))).size : undefined
    },
    markSuspect: (digest, forMs = suspectMs) => suspect(digest, digest, forMs),
    markContentFailed(digest) {
      suspect(digest, digest, suspectMs)
      for (const ancestor of graph.ancestors(digest)) suspect(ancestor, digest, suspectMs)
    },
    isSuspect(digest) {
      const nowMs = clock.monotonicMs()
      for (const untilMs of suspects.get(digest)?.values() ?? []) if (nowMs < untilMs) return true
      return false
    },
    forgive(isMeant) {
      for (const causes of suspects.values()) {
        for (const failed of causes.keys()) if (isMeant(failed)) causes.delete(failed)
      }
    },
    close() {
      stopGraph()
      stopStore()
    },
  }
}

/** What must be held of an image besides its manifest. Registries may not hand on some layers, so nobody expects them here. */
export function requiredParts({ config, layers }: ImageManifest): readonly Descriptor[] {
  return [config, ...layers.filter(layer => !isNonDistributable(layer.mediaType))]
}

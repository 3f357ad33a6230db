import type { Digest } from '../oci/digest.ts'
import type { Descriptor, Manifest } from '../oci/manifest.ts'

/** What a manifest refers to: an index its manifests, an image its config and layers. Its subject is not among them. */
export function childrenOf(content: Manifest): readonly Descriptor[] {
  return content.kind === 'index' ? content.manifests : [content.config, ...content.layers]
}

/** Who refers to whom. */
export interface ManifestEdges {
  add(digest: Digest, content: Manifest): void
  remove(digest: Digest, content: Manifest): void
  /** Manifests that have this among their children. */
  parents(child: Digest): ReadonlySet<Digest>
  /** Manifests that name this as their subject. */
  referrers(subject: Digest): ReadonlySet<Digest>
  /** Bytes, as the manifests that refer to it say; `undefined` when none does or they disagree. */
  sizeOf(child: Digest): number | undefined
}

const nobody: ReadonlySet<Digest> = new Set()

/** Edges between manifests and what they name, in both directions. */
export function createManifestEdges(): ManifestEdges {
  const parents = new Map<Digest, Set<Digest>>()
  const referrers = new Map<Digest, Set<Digest>>()
  /** `undefined` once two manifests contradict each other: then one lies, and neither is believed. */
  const sizes = new Map<Digest, number | undefined>()

  return {
    add(digest, content) {
      for (const child of childrenOf(content)) {
        link(parents, child.digest, digest)
        const size = sizes.has(child.digest) ? sizes.get(child.digest) : child.size
        sizes.set(child.digest, size === child.size ? size : undefined)
      }
      if (content.subject !== undefined) link(referrers, content.subject.digest, digest)
    },
    remove(digest, content) {
      for (const child of childrenOf(content)) {
        if (unlink(parents, child.digest, digest)) sizes.delete(child.digest)
      }
      if (content.subject !== undefined) unlink(referrers, content.subject.digest, digest)
    },
    parents: child => parents.get(child) ?? nobody,
    referrers: subject => referrers.get(subject) ?? nobody,
    sizeOf: child => sizes.get(child),
  }
}

function link(edges: Map<Digest, Set<Digest>>, from: Digest, to: Digest): void {
  const ends = edges.get(from)
  if (ends === undefined) edges.set(from, new Set([to]))
  else ends.add(to)
}

/** Returns whether that was the last one. */
function unlink(edges: Map<Digest, Set<Digest>>, from: Digest, to: Digest): boolean {
  const ends = edges.get(from)
  ends?.delete(to)
  if (ends?.size !== 0) return false
  return edges.delete(from)
}

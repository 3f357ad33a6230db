import type { Digest } from '../oci/digest.ts'
import type { Platform } from '../oci/platform.ts'
import type { WarmPart, WarmSource } from './warm-image.ts'

/** What is counted of an image. */
interface Counted {
  readonly roots: readonly Digest[]
  /** The most that was seen of it; what was evicted since is not taken back. */
  readonly bytes: number
  readonly totalBytes: number | undefined
}

type Counting = Pick<WarmSource, 'parts' | 'bytesHere'>

/** A part of an image, and how much of it is here. */
export interface PartProgress {
  readonly part: WarmPart
  readonly bytes: number
}

/** What belongs to some roots, each once. */
export function partsOf(
  source: Counting,
  roots: readonly Digest[],
  platforms: readonly Platform[],
): readonly PartProgress[] {
  const parts = roots.flatMap(root => source.parts(root, platforms))
  const distinct = new Map(parts.map(part => [part.digest, part]))
  return [...distinct.values()].map(part => ({ part, bytes: source.bytesHere(part.digest) }))
}

/** Bytes of an image, never fewer than were counted before. */
export function countImage(
  source: Counting,
  { roots, bytes, totalBytes }: Counted,
  platforms: readonly Platform[],
): Pick<Counted, 'bytes' | 'totalBytes'> {
  const parts = partsOf(source, roots, platforms)
  const known = parts.filter(({ part }) => part.size !== undefined)
  if (known.length === 0) return { bytes, totalBytes }
  return {
    bytes: Math.max(
      bytes,
      sum(parts, one => one.bytes),
    ),
    totalBytes: Math.max(
      totalBytes ?? 0,
      sum(parts, one => one.part.size ?? one.bytes),
    ),
  }
}

/** Bytes of all images of a share, what they have in common once; never fewer than were counted before. */
export function countShare(
  source: Counting,
  images: readonly Counted[],
  platforms: readonly Platform[],
  before: { readonly bytes: number; readonly totalBytes: number },
): { readonly bytes: number; readonly totalBytes: number } {
  const roots = [...new Set(images.flatMap(image => image.roots))]
  const parts = partsOf(source, roots, platforms)
  return {
    bytes: Math.max(
      before.bytes,
      sum(parts, one => one.bytes),
    ),
    totalBytes: Math.max(
      before.totalBytes,
      sum(parts, one => one.part.size ?? one.bytes),
    ),
  }
}

const sum = <T>(items: readonly T[], of: (item: T) => number): number =>
  items.reduce((total, item) => total + of(item), 0)

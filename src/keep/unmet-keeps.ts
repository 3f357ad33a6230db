import { formatReference, isTagName, parseTag, type TagReference } from '../oci/reference.ts'
import type { KeptPattern } from './keep-set.ts'
import type { WantedImage } from './wanted-images.ts'

/** What is wanted and not known: there is nothing yet that could be kept. */
export interface UnmetKeeps {
  /** Kept by their names. */
  readonly tags: readonly TagReference[]
  /** Patterns for many tags. */
  readonly patterns: readonly UnmetPattern[]
}

/** A pattern that no known tag fits. */
export interface UnmetPattern {
  /** In its canonical form. */
  readonly pattern: string
  /** An operator said it; else the configuration alone, which may be the same on nodes that never see such tags. */
  readonly isSaid: boolean
}

/** Finds the patterns that none of the images fits. @param images all that is kept and known */
export function findUnmetKeeps(
  patterns: readonly KeptPattern[],
  images: readonly Pick<WantedImage, 'key'>[],
): UnmetKeeps {
  const known = images.flatMap(({ key }) => (isTagName(key) ? [key] : []))
  const names = new Set(known.map(formatReference))
  const isNamed = ({ pattern, beginning }: KeptPattern) => pattern === beginning
  const unmet = patterns.filter(one =>
    isNamed(one) ? !names.has(one.pattern) : !known.some(key => one.matches(key)),
  )
  return {
    tags: unmet.filter(isNamed).map(({ pattern }) => parseTag(pattern)),
    patterns: unmet
      .filter(one => !isNamed(one))
      .map(({ pattern, said }) => ({ pattern, isSaid: said !== undefined })),
  }
}

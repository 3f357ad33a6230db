import { formatReference, type ImageName, parseReference } from '../oci/reference.ts'
import type { RememberedContainer } from '../ports/pod-memory.ts'

/** What a person means by a word. */
export interface FoundContainers {
  /** Absent: the word is the name of a pod. */
  readonly image: ImageName | undefined
  readonly containers: readonly RememberedContainer[]
}

/** What was seen last so long before a time, ms, may have run then: looks are half a minute apart. */
const unseenMs = 60_000

/**
 * The containers of the pods that are called so (`namespace/name`, or the name alone), else those of an image: that name it, or run its
 * digest. Those that run, or else those that did; with `atMs` those of that time, ms since the epoch. Throws `OciError` when the word is
 * no name of an image either.
 */
export function findContainers(
  all: readonly RememberedContainer[],
  word: string,
  atMs: number | undefined,
): FoundContainers {
  const there = atMs === undefined ? all : all.filter(one => mayRunAt(one, atMs))
  const ofPod = there.filter(one => isCalled(one, word))
  const image = ofPod.length > 0 ? undefined : canonical(parseReference(word))
  const found = image === undefined ? ofPod : there.filter(one => isMadeFrom(one, image))
  const running = found.filter(isRunning)
  return { image, containers: atMs === undefined && running.length > 0 ? running : found }
}

/** Its pod ran when it was looked last. */
export const isRunning = (one: RememberedContainer): boolean => one.unseenMs === 0

const mayRunAt = (one: RememberedContainer, atMs: number): boolean =>
  one.firstMs <= atMs && (isRunning(one) || atMs <= one.lastMs + unseenMs)

const isCalled = ({ namespace, pod }: RememberedContainer, word: string): boolean =>
  pod === word || `${namespace}/${pod}` === word

/** Where both are named the digest decides. */
const canonical = ({ tag, digest, ...repository }: ImageName): ImageName =>
  digest === undefined ? { ...repository, tag } : { ...repository, digest }

const isMadeFrom = ({ images, digest }: RememberedContainer, image: ImageName): boolean =>
  images.includes(formatReference(image)) || (digest !== undefined && digest === image.digest)

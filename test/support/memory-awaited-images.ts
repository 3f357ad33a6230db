import {
  type AwaitedImage,
  type AwaitedImages,
  awaitedName,
} from '../../src/ports/awaited-images.ts'

/** What waits, in memory: give it to the next one, and that was a restart. */
export function createMemoryAwaitedImages(): AwaitedImages {
  const waiting = new Map<string, AwaitedImage>()
  return {
    load: () => [...waiting.values()],
    async remember(images) {
      for (const image of images) waiting.set(awaitedName(image), image)
    },
    async forget(images) {
      for (const image of images) waiting.delete(awaitedName(image))
    },
  }
}

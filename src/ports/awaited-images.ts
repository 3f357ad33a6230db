import { formatReference } from '../oci/reference.ts'
import type { HandedImage } from './neighbour-store.ts'

/** An image that waits to be handed over to a neighbour. */
export type AwaitedImage = Omit<HandedImage, 'blobs'>

/** What it is known by: `registry/repository:tag`, or `registry/repository@digest` where it has no tag. */
export const awaitedName = ({ repository, tag, digest }: AwaitedImage): string =>
  formatReference({ ...repository, tag, digest: tag === undefined ? digest : undefined })

/** Which images wait for a neighbour, across restarts. */
export interface AwaitedImages {
  load(): readonly AwaitedImage[]
  /** One takes the place of an earlier one of the same name. Settles when they outlive the process. */
  remember(images: readonly AwaitedImage[]): Promise<void>
  forget(images: readonly AwaitedImage[]): Promise<void>
}

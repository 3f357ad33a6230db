import type { Digest } from '../oci/digest.ts'
import type { Clock } from '../ports/clock.ts'
import type { BlobReader, OpenedEarly } from '../ports/content-store.ts'
import { HoldfastError } from '../ports/errors.ts'
import { createBell } from './bell.ts'
import type { BlobRange } from './blob-flight.ts'
import { createFlightReader, type DownloadView, verifiedFirstBytes } from './flight-reader.ts'

/**
 * Reads a held blob while the store is still verifying it, by the rules for one that is still arriving: the last byte of the range waits
 * for the verdict, a small blob's first one does, and when the verdict is bad the read rejects.
 *
 * @param options.holdMs how long the last byte waits for the verdict
 */
export function readEarly(
  digest: Digest,
  { reader, verified }: OpenedEarly & { readonly verified: Promise<boolean> },
  range: BlobRange,
  options: { readonly holdMs: number; readonly clock: Clock; readonly signal: AbortSignal },
): BlobReader {
  const { size } = reader
  const bell = createBell()
  let failure: Error | undefined
  const view = {
    size,
    bytes: { offset: size, read: reader.read } as DownloadView['bytes'],
    generation: 0,
    isVerified: false,
    progressAtMs: options.clock.monotonicMs(),
  }

  function judged(isSound: boolean): void {
    if (isSound) {
      view.isVerified = true
      return
    }
    failure = new HoldfastError('blob-interrupted', `${digest} is damaged`)
    view.bytes = undefined
    view.generation += 1
  }

  verified
    .then(judged, error => {
      failure = error
    })
    .finally(bell.ring)
  return createFlightReader(
    digest,
    view,
    { failure: () => failure, changed: bell.next, moved() {}, stalled() {} },
    { ...range, ...options, verifiedFirstBelow: verifiedFirstBytes, stallMs: options.holdMs },
    () => reader.close(),
  )
}

import type { Digest } from '../oci/digest.ts'
import type { MaintainedStore } from '../ports/content-upkeep.ts'
import type { Log } from '../ports/log.ts'

/**
 * Takes in what had come whole when the node was killed, and may have been given to clients, but was not yet made durable: no source is
 * needed for that. Settles when all of it is held or turned out wrong; never rejects.
 *
 * @param parts.sizeOf bytes of a blob, as manifests say
 */
export async function finishDownloads(parts: {
  readonly store: Pick<MaintainedStore, 'partials' | 'write'>
  readonly sizeOf: (digest: Digest) => number | undefined
  readonly log: Log
}): Promise<void> {
  const { store, sizeOf, log } = parts
  const whole = [...store.partials()].filter(({ digest, size }) => sizeOf(digest) === size)
  await Promise.all(whole.map(({ digest, size }) => finish(digest, size)))

  async function finish(digest: Digest, size: number): Promise<void> {
    try {
      const writer = await store.write(digest, size)
      try {
        await writer.commit()
      } finally {
        await writer.release()
      }
      log.info({ digest, bytes: size }, 'a blob that had come whole before the last end is held')
    } catch (err) {
      log.warn({ digest, err }, 'a blob that seemed whole before the last end is not held')
    }
  }
}

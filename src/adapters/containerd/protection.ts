import type { Digest } from '../../oci/digest.ts'
import type { Log } from '../../ports/log.ts'
import type { ContainerdApi } from './api.ts'
import type { Image } from './definitions.ts'
import { protectImages } from './protect.ts'

/** Has containerd protect what is wanted. */
export interface Protection {
  /** Takes up a list. */
  listed(images: readonly Image[]): void
  /** The images of these digests and no others. Before the first call, what an earlier process protected stays so. */
  want(digests: ReadonlySet<Digest>): void
}

/**
 * Compares what is listed with what is wanted, beside the listing: each change is a write of containerd's, and what happens meanwhile has to
 * be known all the same. What fails is tried again with the next list.
 */
export function createProtection(parts: {
  readonly api: () => ContainerdApi | undefined
  /** Whether content is there. */
  readonly held: (digest: Digest) => boolean
  readonly log: Log
}): Protection {
  const { held, log } = parts
  let images: readonly Image[] = []
  let wanted: ReadonlySet<Digest> | undefined
  let isDue = false
  let isComparing = false

  async function compare(): Promise<void> {
    const api = parts.api()
    if (api === undefined || wanted === undefined) return
    try {
      await protectImages(api, images, { wanted, held }, log)
    } catch (err) {
      log.debug({ err }, 'containerd was not told what to protect')
    }
  }

  /** After each other, by the newest list: two that compare the same one would change everything twice. */
  async function compareAll(): Promise<void> {
    isDue = true
    if (isComparing) return
    isComparing = true
    while (isDue) {
      isDue = false
      await compare()
    }
    isComparing = false
  }

  return {
    listed(newest) {
      images = newest
      void compareAll()
    },
    want(digests) {
      wanted = digests
      void compareAll()
    },
  }
}

import { status } from '@grpc/grpc-js'
import { type Digest, parseDigest } from '../../oci/digest.ts'
import type { Log } from '../../ports/log.ts'
import type { ContainerdApi } from './api.ts'
import type { Image, Resource } from './definitions.ts'
import { statusOf } from './failure.ts'

/** What CRI shows the kubelet as pinned: its garbage collection passes such an image over. Older than 1.6.33 and 1.7.3 do not look at it. */
export const pinned = 'io.cri-containerd.pinned'
/** Tells our label from one that somebody else set, and that is not ours to take away. */
export const ours = 'io.holdfast.protected'
/** Keeps the content when an image is removed all the same, by whatever name. */
export const leaseId = 'holdfast'

/**
 * Brings containerd to protect the images of these digests and no others of ours. What is right already is left alone, so that the
 * events of our own changes lead to none. One image that cannot be changed stops no other.
 *
 * @param held whether content is there: what is not cannot be leased
 */
export async function protectImages(
  api: ContainerdApi,
  images: readonly Image[],
  { wanted, held }: { readonly wanted: ReadonlySet<Digest>; held(digest: Digest): boolean },
  log: Log,
): Promise<void> {
  for (const image of images) {
    const labels = labelsOf(image, wanted)
    if (labels !== undefined) await attempt(log, image.name, api.label(image, labels))
  }
  await attempt(log, leaseId, keepLeased(api, { wanted, held }, log))
}

async function keepLeased(
  api: ContainerdApi,
  { wanted, held }: { readonly wanted: ReadonlySet<Digest>; held(digest: Digest): boolean },
  log: Log,
): Promise<void> {
  const missing = new Set([...wanted].filter(held))
  for (const resource of await readLease(api, wanted.size > 0)) {
    const digest = parseDigest(resource.id)
    const isWanted = digest !== undefined && wanted.has(digest)
    if (isWanted) missing.delete(digest)
    else await attempt(log, resource.id, api.release(leaseId, resource))
  }
  for (const digest of missing) {
    await attempt(log, digest, api.lease(leaseId, { type: 'content', id: digest }))
  }
}

/** The labels to set, if any. */
function labelsOf(
  { target, labels }: Image,
  wanted: ReadonlySet<Digest>,
): Readonly<Record<string, string>> | undefined {
  const digest = target === null ? undefined : parseDigest(target.digest)
  const isPinned = labels[pinned] === 'pinned'
  if (digest !== undefined && wanted.has(digest)) {
    return isPinned ? undefined : { [pinned]: 'pinned', [ours]: 'true' }
  }
  if (labels[ours] === undefined) return undefined
  return { [ours]: '', ...(isPinned && { [pinned]: '' }) }
}

/** What the lease keeps; it is made when something is wanted and there is none. */
async function readLease(api: ContainerdApi, isWanted: boolean): Promise<readonly Resource[]> {
  try {
    return await api.leased(leaseId)
  } catch (error) {
    if (statusOf(error) !== status.NOT_FOUND) throw error
  }
  if (isWanted) {
    await api.createLease(leaseId).catch((error: unknown) => {
      if (statusOf(error) !== status.ALREADY_EXISTS) throw error
    })
  }
  return []
}

/** An image or a blob may go at any moment, and not all may be changed by everybody; containerd itself going ends the session. */
async function attempt(log: Log, what: string, change: Promise<void>): Promise<void> {
  try {
    await change
  } catch (err) {
    const code = statusOf(err)
    if (code === status.UNAVAILABLE || code === status.DEADLINE_EXCEEDED) throw err
    log.warn({ ref: what, err }, 'containerd does not protect an image, or does not let it go')
  }
}

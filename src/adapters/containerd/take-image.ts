import { randomUUID } from 'node:crypto'
import { status } from '@grpc/grpc-js'
import type { Digest } from '../../oci/digest.ts'
import type { Manifest } from '../../oci/manifest.ts'
import { formatRepository, formatTag, type Repository } from '../../oci/reference.ts'
import type { ContentStore } from '../../ports/content-store.ts'
import type { HandedBlob, HandedImage } from '../../ports/neighbour-store.ts'
import type { ContainerdApi } from './api.ts'
import type { Image } from './definitions.ts'
import { ContainerdFailure, statusOf } from './failure.ts'
import { ours, pinned } from './protect.ts'
import { refOf, writeBlob } from './write-blob.ts'

type Labels = Readonly<Record<string, string>>

/** By which tag, or name with a digest, an image was imported: tells our label from others', and an earlier image of the tag. */
export const imported = 'io.holdfast.imported'
/** Tells a name with a digest that we gave an image beside its tag from one that CRI or others gave it. */
export const named = 'io.holdfast.named'
/** Somebody else had pinned it before it was imported: the pin is not ours to take away. */
const pinnedBefore = 'io.holdfast.pinned-before'
/** CRI sets it once it knows an image, and gives it its id as a name. Away: it does so again for another target. */
const managed = 'io.cri-containerd.image'
/** Begins the id of a lease that keeps what comes in. */
export const importLease = 'holdfast-import-'
/** A crash of ours leaves nothing behind for longer, ms. */
const leaseMs = 24 * 3_600_000

/**
 * Brings an image into containerd as a pull would, without unpacking it, and pinned: the kubelet's garbage collection passes it over. An
 * earlier image of the same tag that came this way is that no more. A lease keeps what came until the image has its names.
 */
export async function takeImage(
  api: ContainerdApi,
  image: HandedImage,
  parts: {
    readonly open: ContentStore['open']
    readonly signal: AbortSignal
    readonly nowMs: number
  },
): Promise<void> {
  const { repository, tag, digest, mediaType, size } = image
  const lease = `${importLease}${randomUUID()}`
  await api.createLease(lease, new Date(parts.nowMs + leaseMs))
  try {
    for (const blob of image.blobs) await takeBlob(api, blob, repository, { ...parts, lease })
    const byDigest = `${formatRepository(repository)}@${digest}`
    const name = tag === undefined ? byDigest : formatTag({ ...repository, tag })
    const target = { mediaType, digest, size }
    const before = new Map((await api.images()).map(each => [each.name, each]))
    // The name with a digest is what CRI calls RepoDigests, and what keeps the image once its tag moved on.
    for (const each of new Set([byDigest, name])) {
      const labels = { [pinned]: 'pinned', [imported]: name, ...pinOfOthers(before.get(each)) }
      const onlyNew = each === name ? {} : { [named]: 'true' }
      await api.setImage({ name: each, target, labels }, { without: [managed], onlyNew })
    }
    // The lease may have ended meanwhile, by a clock that was set. What is there now stays, for the image keeps it.
    for (const blob of image.blobs) await requireBlob(api, blob.digest)
    await unpinEarlier(api, name, digest)
  } finally {
    await api.deleteLease(lease).catch(() => {}) // it ends by itself
  }
}

async function takeBlob(
  api: ContainerdApi,
  blob: HandedBlob,
  repository: Repository,
  {
    open,
    signal,
    lease,
  }: Pick<Parameters<typeof takeImage>[2], 'open' | 'signal'> & { lease: string },
): Promise<void> {
  const { digest } = blob
  const source = `containerd.io/distribution.source.${repository.registry}`
  const references = blob.content === undefined ? {} : referencesOf(blob.content)
  const labels = { ...references, [source]: repository.repository }
  const openHere = async () => {
    const reader = await open(digest)
    if (reader === undefined) throw new ContainerdFailure('failing', `${digest} went meanwhile`)
    return reader
  }
  try {
    const written = await writeBlob(api, blob, { lease, labels, open: openHere, signal })
    if (written === 'there') await addLabels(api, digest, labels, source)
  } catch (error) {
    await api.abortWrite(refOf(digest)).catch(() => {}) // the lease's end does it, later
    throw error
  }
}

async function requireBlob(api: ContainerdApi, digest: Digest): Promise<void> {
  try {
    await api.contentLabels(digest)
  } catch (error) {
    if (statusOf(error) !== status.NOT_FOUND) throw error
    throw new ContainerdFailure('failing', `${digest} was collected while its image came in`, error)
  }
}

/** Completes the labels of a blob that came another way. */
async function addLabels(
  api: ContainerdApi,
  digest: Digest,
  wanted: Labels,
  source: string,
): Promise<void> {
  const has = await api.contentLabels(digest)
  const sources = new Set([...(has[source]?.split(',') ?? []), wanted[source] ?? ''])
  const all = { ...wanted, [source]: [...sources].join(',') }
  const missing = Object.entries(all).filter(([key, value]) => has[key] !== value)
  if (missing.length > 0) await api.labelContent(digest, Object.fromEntries(missing))
}

/** What containerd's garbage collection follows, by the keys that its own pull uses. */
function referencesOf(content: Manifest): Labels {
  const key = 'containerd.io/gc.ref.content'
  if (content.kind === 'index') {
    return Object.fromEntries(content.manifests.map(({ digest }, i) => [`${key}.m.${i}`, digest]))
  }
  const layers = content.layers.map(({ digest }, i) => [`${key}.l.${i}`, digest] as const)
  return { [`${key}.config`]: content.config.digest, ...Object.fromEntries(layers) }
}

async function unpinEarlier(api: ContainerdApi, name: string, digest: Digest): Promise<void> {
  for (const image of await api.images()) {
    if (image.labels[imported] !== name || image.target?.digest === digest) continue
    await api.label(image, letGoLabels(image))
  }
}

/** Whether an image has labels of ours. */
export const isOurs = ({ labels }: Image): boolean =>
  labels[imported] !== undefined || labels[ours] !== undefined

/** What takes the labels of ours away from an image, and the pin unless it is that of others. */
export function letGoLabels({ labels }: Image): Labels {
  const away = [imported, named, pinnedBefore, ours].filter(label => labels[label] !== undefined)
  if (labels[pinnedBefore] === undefined) away.push(pinned)
  return Object.fromEntries(away.map(label => [label, '']))
}

const pinOfOthers = (image: Image | undefined): Labels =>
  image !== undefined && image.labels[pinned] === 'pinned' && !isOurs(image)
    ? { [pinnedBefore]: 'true' }
    : {}

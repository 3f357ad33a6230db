import type { Digest } from '../oci/digest.ts'
import { OciError } from '../oci/errors.ts'
import { type Manifest, maxManifestBytes } from '../oci/manifest.ts'
import { parseFullReference, type Reference, type Repository } from '../oci/reference.ts'
import type { Log } from '../ports/log.ts'
import type { FoundImage, NeighbourStore } from '../ports/neighbour-store.ts'
import type { TagLedger, Target } from '../ports/tag-ledger.ts'

/** What a neighbour's images tell is taken up until this is closed. */
export interface FoundImages {
  close(): Promise<void>
}

/**
 * Takes up what the images of a neighbour say: where their content was seen, and, for a tag that nothing is known about, what it points to.
 * A tag that has a record is left alone: when the neighbour got its image, and from whom, nobody knows.
 */
export function takeFoundImages(parts: {
  readonly neighbour: Pick<NeighbourStore, 'onImages' | 'get' | 'stat'>
  readonly ledger: Pick<TagLedger, 'live' | 'observeLocal'>
  /** Makes a manifest known from its bytes; throws `OciError` when they are none. */
  readonly learn: (
    digest: Digest,
    bytes: Uint8Array,
  ) => { readonly mediaType: string; readonly content: Manifest }
  readonly addSighting: (digest: Digest, repository: Repository) => void
  readonly log: Log
}): FoundImages {
  const { neighbour, ledger, log } = parts
  let taking = Promise.resolve()
  /** Of several lists that come in a row the newest is taken. */
  let newest: readonly FoundImage[] = []

  async function take(images: readonly FoundImage[]): Promise<void> {
    for (const image of images) {
      if (images !== newest) return
      const reference = parseFullReference(image.name)
      if (reference !== undefined) await takeOne(image, reference).catch(err => tell(image, err))
    }
  }

  function tell({ name, digest }: FoundImage, err: unknown): void {
    const level = err instanceof OciError ? 'debug' : 'warn'
    log[level]({ ref: name, digest, err }, 'an image of the neighbour is passed over')
  }

  /** An index may name what is no manifest. */
  function passOver(err: unknown): void {
    if (!(err instanceof OciError)) throw err
  }

  async function takeOne({ digest }: FoundImage, reference: Reference): Promise<void> {
    const { registry, repository, tag } = reference
    if (neighbour.stat(digest) === undefined) return
    parts.addSighting(digest, { registry, repository })
    if (tag === undefined) return
    const key = { registry, repository, tag }
    if (ledger.live(key) !== undefined) return
    const target = await describe(digest)
    if (target !== undefined) await ledger.observeLocal(key, target, 'containerd')
  }

  /**
   * From the bytes: what the neighbour says of them may be anything. All that is under it becomes known with it, as others may ask for
   * that as soon as they hear of the tag.
   */
  async function describe(digest: Digest): Promise<Target | undefined> {
    const bytes = await neighbour.get(digest, maxManifestBytes)
    if (bytes === undefined) return undefined
    const { mediaType, content } = parts.learn(digest, bytes)
    if (content.kind === 'index') {
      for (const child of content.manifests) await describe(child.digest).catch(passOver)
    }
    return { digest, mediaType, size: bytes.length }
  }

  const stop = neighbour.onImages(images => {
    newest = images
    taking = taking.then(() => take(images))
  })
  return {
    async close() {
      stop()
      newest = []
      await taking
    },
  }
}

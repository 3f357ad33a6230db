import type { SignedRecord } from '../ledger/record.ts'
import type { Digest } from '../oci/digest.ts'
import type { Descriptor, ImageManifest, Manifest } from '../oci/manifest.ts'
import { isNonDistributable, mediaTypes } from '../oci/media-type.ts'
import { choose, type Platform } from '../oci/platform.ts'
import { formatReference, formatTag, type Reference, type TagReference } from '../oci/reference.ts'
import type { PackArchive, PackedFile } from '../ports/archive.ts'
import type { ContentStore } from '../ports/content-store.ts'
import type { TagLedger, Target } from '../ports/tag-ledger.ts'
import { encodeRecords, recordsPath } from './bundle-records.ts'

/** What goes into a bundle. */
export interface ExportOptions {
  readonly references: readonly Reference[]
  /** Whatever is pinned, too. */
  readonly pinned: boolean
  /** Of an image for several platforms these alone; all that is here when absent. */
  readonly platforms: readonly Platform[] | undefined
  /** What refers to the images: signatures, SBOMs. */
  readonly referrers: boolean
}

/** Nothing is exported, because something that was asked for is not here. `message` names it. */
export class NotHere extends Error {
  override readonly name = 'NotHere'
}

export interface ExportParts {
  readonly store: Pick<ContentStore, 'stat' | 'open'>
  readonly ledger: Pick<TagLedger, 'history' | 'pin' | 'list'>
  readonly manifest: (digest: Digest) => { readonly content: Manifest } | undefined
  readonly describe: (digest: Digest) => Target | undefined
  readonly referrers: (digest: Digest) => readonly Descriptor[]
  /** The record that the ledger answers a tag with. */
  readonly signedObservation: (key: TagReference) => SignedRecord | undefined
  /** Its tree is not collected for some minutes. */
  readonly protect: (digest: Digest) => void
  readonly pack: PackArchive
}

/** Packs images that are held into a bundle. Throws {@link NotHere} before the first byte. */
export type ExportImages = (options: ExportOptions) => AsyncIterable<Uint8Array>

/** An image of the bundle. */
interface Picked extends Target {
  readonly key: TagReference | undefined
  /** Without a tag. */
  readonly name: string
}

/** Keys looked at at a time. */
const pageKeys = 500
/** Bytes read at a time. */
const pieceBytes = 256 * 1024

export function createExportImages(parts: ExportParts): ExportImages {
  const { store, ledger } = parts
  const isHeld = ({ digest }: Pick<Descriptor, 'digest'>) => store.stat(digest) !== undefined

  /** Everything of an image for these platforms, parts before the whole; `undefined` when something is missing. */
  function treeOf(
    digest: Digest,
    platforms: readonly Platform[] | undefined,
  ): readonly Digest[] | undefined {
    const content = parts.manifest(digest)?.content
    if (content === undefined || !isHeld({ digest })) return undefined
    const below =
      content.kind === 'image' ? partsOf(content) : entriesOf(content.manifests, platforms)
    return below && [...below, digest]
  }

  function partsOf({ config, layers }: ImageManifest): readonly Digest[] | undefined {
    const needed = [config, ...layers.filter(({ mediaType }) => !isNonDistributable(mediaType))]
    return needed.every(isHeld) ? needed.map(({ digest }) => digest) : undefined
  }

  function entriesOf(
    manifests: readonly Descriptor[],
    platforms: readonly Platform[] | undefined,
  ): readonly Digest[] | undefined {
    const chosen = platforms?.map(platform => choose(manifests, platform)) ?? manifests
    const trees = chosen.map(entry => entry && treeOf(entry.digest, undefined))
    const whole = trees.filter(tree => tree !== undefined)
    const isEnough = platforms === undefined ? whole.length > 0 : whole.length === trees.length
    return isEnough ? whole.flat() : undefined
  }

  /** What a tag stands for here: its pin, else the newest digest that is whole. */
  function pick(reference: Reference, platforms: ExportOptions['platforms']): Picked {
    const { registry, repository, tag, digest } = reference
    const key = tag === undefined ? undefined : { registry, repository, tag }
    const pinned = key && ledger.pin(key)?.digest
    const known = key === undefined ? [] : ledger.history(key).map(one => one.digest)
    const candidates = (digest ?? pinned) ? [digest ?? pinned] : known
    const found = candidates.find(one => one !== undefined && treeOf(one, platforms) !== undefined)
    const target = found && parts.describe(found)
    if (target === undefined) {
      throw new NotHere(`${formatReference(reference)} is not here, or not all of it is`)
    }
    return { ...target, key, name: formatReference({ ...reference, digest: undefined }) }
  }

  function plan({ references, pinned, platforms, referrers }: ExportOptions) {
    const wanted = [...references, ...(pinned ? pinnedIn(ledger) : [])]
    const picked = wanted.map(reference => pick(reference, platforms))
    if (picked.length === 0) throw new NotHere('there is nothing to export')
    const blobs = new Set<Digest>()
    const signatures: Target[] = []

    function add(digest: Digest, of: readonly Platform[] | undefined): void {
      for (const one of treeOf(digest, of) ?? []) {
        if (blobs.has(one)) continue
        blobs.add(one)
        if (referrers) addReferrers(one)
      }
    }

    function addReferrers(subject: Digest): void {
      for (const { digest } of parts.referrers(subject)) {
        const target = parts.describe(digest)
        if (target === undefined || treeOf(digest, undefined) === undefined) continue
        if (!blobs.has(digest)) signatures.push(target)
        add(digest, undefined)
      }
    }

    for (const { digest } of picked) {
      parts.protect(digest)
      add(digest, platforms)
    }
    return { picked, signatures, blobs }
  }

  async function* filesOf(planned: ReturnType<typeof plan>): AsyncGenerator<PackedFile> {
    const { picked, signatures, blobs } = planned
    yield file('oci-layout', Buffer.from('{"imageLayoutVersion":"1.0.0"}'))
    yield file('index.json', indexOf(picked, signatures))
    const records = picked.map(({ key }) => key && parts.signedObservation(key))
    yield file(recordsPath, encodeRecords(records.filter(record => record !== undefined)))
    for (const digest of blobs) yield blob(digest)
  }

  function blob(digest: Digest): PackedFile {
    const size = store.stat(digest)?.size
    if (size === undefined) throw new NotHere(`${digest} went while the bundle was made`)
    return { name: `blobs/${digest.replace(':', '/')}`, size, content: readBlob(store, digest) }
  }

  return options => parts.pack(filesOf(plan(options)))
}

/** Every tag that is pinned. */
function* pinnedIn(ledger: Pick<TagLedger, 'list'>): Generator<Reference> {
  let page = ledger.list({ limit: pageKeys })
  for (let last = page.at(-1); last !== undefined; last = page.at(-1)) {
    for (const { key, pin } of page) if (pin) yield { ...key, digest: undefined }
    page = ledger.list({ after: formatTag(last.key), limit: pageKeys })
  }
}

const file = (name: string, bytes: Uint8Array): PackedFile => {
  async function* content() {
    yield bytes
  }
  return { name, size: bytes.length, content: content() }
}

/** Both names, for both who read one of them alone. */
function indexOf(picked: readonly Picked[], signatures: readonly Target[]): Buffer {
  const named = picked.map(({ mediaType, digest, size, name }) => ({
    mediaType,
    digest,
    size,
    annotations: {
      'io.containerd.image.name': name,
      'org.opencontainers.image.ref.name': name,
    },
  }))
  const manifests = [...named, ...signatures]
  return Buffer.from(
    JSON.stringify({ schemaVersion: 2, mediaType: mediaTypes.ociIndex, manifests }),
  )
}

async function* readBlob(
  store: Pick<ContentStore, 'open'>,
  digest: Digest,
): AsyncGenerator<Uint8Array> {
  const reader = await store.open(digest)
  if (reader === undefined) throw new NotHere(`${digest} went while the bundle was made`)
  try {
    for (let at = 0; at < reader.size; ) {
      const into = new Uint8Array(Math.min(pieceBytes, reader.size - at))
      const got = await reader.read(into, at)
      if (got === 0) throw new NotHere(`${digest} ended early`)
      yield into.subarray(0, got)
      at += got
    }
  } finally {
    await reader.close()
  }
}

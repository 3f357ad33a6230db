import { type Digest, digestOf } from '../oci/digest.ts'
import { type Manifest, maxManifestBytes } from '../oci/manifest.ts'
import { mediaTypes } from '../oci/media-type.ts'
import type { PackArchive, PackedFile } from '../ports/archive.ts'
import type { ContentStore } from '../ports/content-store.ts'
import type { Target } from '../ports/tag-ledger.ts'
import { bundleNotePath, encodeNote } from './bundle-note.ts'
import { encodeRecords, recordsPath } from './bundle-records.ts'
import { createTreeOf } from './image-trees.ts'
import {
  type ExportOptions,
  NotHere,
  type Picked,
  type PlanParts,
  planExport,
} from './plan-export.ts'
import { type CarriedRecords, recordsFor } from './records-for.ts'

export interface ExportParts extends Omit<PlanParts, 'treeOf'>, CarriedRecords {
  readonly store: Pick<ContentStore, 'stat' | 'open'>
  readonly manifest: (digest: Digest) => { readonly content: Manifest } | undefined
  /** Its tree is not collected for some minutes. */
  readonly protect: (digest: Digest) => void
  readonly pack: PackArchive
}

/** What a bundle comes to. */
export interface BundleSummary {
  /** Digest of its note: what a later bundle that goes with it names. */
  readonly id: Digest
  readonly images: number
  readonly blobs: number
  /** Of its blobs, before they are packed. */
  readonly bytes: number
  /** What it needs of earlier bundles. */
  readonly leftOut: { readonly blobs: number; readonly bytes: number }
}

/** A bundle on its way out. */
export interface Bundle {
  readonly summary: BundleSummary
  readonly bytes: AsyncIterable<Uint8Array>
}

/** A bundle would say more of itself than is read of an archive. */
export class TooLong extends Error {
  override readonly name = 'TooLong'
}

/**
 * Packs images that are held into a bundle. Throws {@link NotHere} or {@link TooLong} before the first byte. Equal questions get equal bytes
 * while nothing else comes or is said.
 */
export type ExportImages = (options: ExportOptions) => Bundle

/** Bytes read at a time. */
const pieceBytes = 256 * 1024

export function createExportImages(parts: ExportParts): ExportImages {
  const { store } = parts
  const isHeld = (digest: Digest): boolean => store.stat(digest) !== undefined
  const treeOf = createTreeOf({ manifest: parts.manifest, isHeld })

  const sum = (digests: readonly Digest[]): number =>
    digests.reduce((total, digest) => total + (store.stat(digest)?.size ?? 0), 0)

  function blob(digest: Digest): PackedFile {
    const size = store.stat(digest)?.size
    if (size === undefined) throw new NotHere(`${digest} went while the bundle was made`)
    return { name: `blobs/${digest.replace(':', '/')}`, size, content: readBlob(store, digest) }
  }

  /** What says what the bundle holds comes first: who wants to know that reads no further. */
  async function* filesOf(notes: readonly PackedFile[], blobs: readonly Digest[]) {
    yield* notes
    for (const digest of blobs) yield blob(digest)
  }

  return options => {
    const { picked, referrers, blobs, needs } = planExport({ ...parts, treeOf }, options)
    const note = encodeNote({ blobs, needs, earlier: options.earlier })
    const records = encodeRecords(recordsFor(parts, picked, options.pinned))
    refuseLength(note, bundleNotePath)
    refuseLength(records, recordsPath)
    for (const { digest } of picked) parts.protect(digest)
    const notes = [
      file('oci-layout', Buffer.from('{"imageLayoutVersion":"1.0.0"}')),
      file('index.json', indexOf(picked, referrers)),
      file(bundleNotePath, note),
      file(recordsPath, records),
    ]
    return {
      summary: {
        id: digestOf(note),
        images: picked.length,
        blobs: blobs.length,
        bytes: sum(blobs),
        leftOut: { blobs: needs.length, bytes: sum(needs) },
      },
      bytes: parts.pack(filesOf(notes, blobs)),
    }
  }
}

function refuseLength({ length }: Uint8Array, path: string): void {
  if (length <= maxManifestBytes) return
  const size = `${path} would have ${length} bytes, more than ${maxManifestBytes}`
  throw new TooLong(`${size}: export fewer images, or without --since`)
}

const file = (name: string, bytes: Uint8Array): PackedFile => {
  async function* content() {
    yield bytes
  }
  return { name, size: bytes.length, content: content() }
}

/** Both names, for both who read one of them alone. */
function indexOf(picked: readonly Picked[], referrers: readonly Target[]): Buffer {
  const named = picked.map(({ mediaType, digest, size, name }) => ({
    mediaType,
    digest,
    size,
    annotations: {
      'io.containerd.image.name': name,
      'org.opencontainers.image.ref.name': name,
    },
  }))
  const manifests = [...named, ...referrers]
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

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { openTar } from '../../src/adapters/tar/read-tar.ts'
import { createImportArchive, type ImportOptions } from '../../src/archive/import-archive.ts'
import { type Digest, digestHex, digestOf } from '../../src/oci/digest.ts'
import { parsePlatform } from '../../src/oci/platform.ts'
import { systemClock } from '../../src/ports/clock.ts'
import { silentLog } from '../../src/ports/log.ts'
import { systemTimers } from '../../src/ports/timers.ts'
import { createCompleteness } from '../../src/pull/completeness.ts'
import { createContentGraph } from '../../src/pull/content-graph.ts'
import { createImagePlatforms } from '../../src/pull/image-platforms.ts'
import { createStartable } from '../../src/pull/startable.ts'
import type { TestBlob } from '../support/blob.ts'
import type { TestImage, TestManifest } from '../support/image.ts'
import { createMemoryCatalog } from '../support/memory-catalog.ts'
import { createMemoryLedger } from '../support/memory-ledger.ts'
import { createMemoryStore, type MemoryStore } from '../support/memory-store.ts'
import { type TarEntry, tar } from '../support/tar.ts'

/** An image with what it is called in an archive. */
export interface Named {
  readonly image: (TestImage | TestManifest) & TestBlob
  /** Annotations of its entry in the index. */
  readonly annotations?: Readonly<Record<string, string>>
}

/** `io.containerd.image.name` */
export const fullName = (name: string) => ({ 'io.containerd.image.name': name })

export const blobPath = (digest: Digest) => `blobs/${digest.replace(':', '/')}`

/** The entries of an OCI layout. */
export function layoutOf(
  named: readonly Named[],
  { without = [] }: { readonly without?: readonly Digest[] } = {},
): readonly TarEntry[] {
  const blobs = new Map(named.flatMap(({ image }) => [...image.blobs]))
  for (const digest of without) blobs.delete(digest)
  const manifests = named.map(({ image: { mediaType, digest, size }, annotations }) => {
    return { mediaType, digest, size, annotations }
  })
  return [
    { name: 'oci-layout', data: '{"imageLayoutVersion":"1.0.0"}' },
    { name: 'index.json', data: JSON.stringify({ schemaVersion: 2, manifests }) },
    ...[...blobs].map(([digest, data]): TarEntry => ({ name: blobPath(digest), data })),
  ]
}

/** The entries of what `docker save` writes: layers unpacked, the second of two equal ones as a link. */
export function savedOf(
  images: readonly { readonly image: TestManifest; readonly tags?: readonly string[] | null }[],
): readonly TarEntry[] {
  const entries = new Map<string, TarEntry>()
  const list = images.map(({ image, tags = null }) => {
    const config = `${digestHex(image.config.digest)}.json`
    entries.set(config, { name: config, data: image.config.bytes })
    const layers = image.layers.map(layer => {
      const data = gunzipSync(layer.bytes)
      const name = `${digestHex(digestOf(data))}/layer.tar`
      entries.set(name, { name, data })
      return name
    })
    return { Config: config, RepoTags: tags, Layers: layers }
  })
  return [...entries.values(), { name: 'manifest.json', data: JSON.stringify(list) }]
}

/** The bytes in pieces, as a file or a socket gives them. */
export async function* piecesOf(bytes: Buffer, step = 10_000): AsyncGenerator<Buffer> {
  for (let at = 0; at < bytes.length; at += step) yield bytes.subarray(at, at + step)
}

/** A node that imports, all of it in memory. */
export async function createImporting(store: MemoryStore = createMemoryStore()) {
  const ledger = createMemoryLedger()
  const catalog = createMemoryCatalog()
  const graph = createContentGraph({ store, catalog, log: silentLog })
  const platforms = [parsePlatform('linux/amd64')].filter(platform => platform !== undefined)
  const completeness = createCompleteness({ graph, store, clock: systemClock }, { platforms })
  const imagePlatforms = createImagePlatforms(
    { graph, store, catalog, timers: systemTimers, log: silentLog },
    [],
  )
  const startable = createStartable({ graph, imagePlatforms, completeness }, { platforms })
  const held = new Set<Digest>()
  const wanted = new Set<Digest>()
  const importArchive = createImportArchive({
    openArchive: openTar,
    store,
    held,
    ledger,
    applyRecords: async records => records.map(() => 'signature'),
    learn: graph.learn,
    addSighting: graph.addSighting,
    isWanted: digest => wanted.has(digest),
    learnConfig: imagePlatforms.learn,
    isComplete: digest => startable.isComplete(digest),
    isServed: registry => registry === 'docker.io',
  })
  const options = { signal: new AbortController().signal }
  return {
    store,
    ledger,
    graph,
    held,
    wanted,
    importArchive,
    digests: () => [...store.list()].map(({ digest }) => digest).sort(),
    import: (bytes: Buffer, more: Partial<ImportOptions> = {}) =>
      importArchive(piecesOf(bytes), { ...options, ...more }),
    importEntries: (entries: readonly TarEntry[], more: Partial<ImportOptions> = {}) =>
      importArchive(piecesOf(tar(entries)), { ...options, ...more }),
  }
}

/** An archive that another program packed. */
export const readFixture = (name: string): Buffer =>
  readFileSync(join(import.meta.dirname, '../fixtures/archives', name))

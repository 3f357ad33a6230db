import type { Digest } from '../../oci/digest.ts'
import type { Manifest } from '../../oci/manifest.ts'
import type { Platform } from '../../oci/platform.ts'
import type { Repository } from '../../oci/reference.ts'
import type {
  CatalogContents,
  ConfigEntry,
  ContentCatalog,
  ManifestEntry,
} from '../../ports/content-catalog.ts'
import type { Log } from '../../ports/log.ts'
import type { Connection } from './database.ts'
import type { Reader } from './reader.ts'
import type { WriterThread } from './writer-thread.ts'

/** How long what is learned waits for company, ms. */
const flushMs = 1_000

/** Facts that wait at most before they are written at once. */
const maxWaiting = 5_000

/** The catalog in SQLite. `close` writes what waits. */
export function createContentCatalog(parts: {
  readonly reader: Reader
  readonly writer: WriterThread
  readonly log: Log
}): ContentCatalog & { close(): Promise<void> } {
  let waiting = emptyBatch()
  let timer: NodeJS.Timeout | undefined

  function added(): void {
    if (sizeOf(waiting) >= maxWaiting) void flush()
    else timer ??= setTimeout(flush, flushMs).unref()
  }

  async function flush(): Promise<void> {
    clearTimeout(timer)
    timer = undefined
    const batch = waiting
    if (sizeOf(batch) === 0) return
    waiting = emptyBatch()
    try {
      await parts.writer.submit({
        type: 'catalog',
        batch: {
          forgotten: [...batch.forgotten],
          manifests: [...batch.manifests.values()],
          configs: [...batch.configs.values()],
          sightings: [...batch.sightings.values()],
          uses: [...batch.uses].map(([digest, atMs]) => ({ digest, atMs })),
        },
      })
    } catch (err) {
      // All of it is learned again from the bytes and the next pulls.
      parts.log.debug({ err, facts: sizeOf(batch) }, 'content facts not written')
    }
  }

  return {
    load: () =>
      parts.reader.read(({ db }) => load(db), {
        manifests: [],
        configs: [],
        sightings: [],
        uses: [],
      }),
    addManifest(entry) {
      waiting.manifests.set(entry.digest, entry)
      added()
    },
    addConfig(entry) {
      waiting.configs.set(entry.digest, entry)
      added()
    },
    addSighting(digest, { registry, repository }) {
      const sighting = { digest, registry, repository }
      waiting.sightings.set(`${digest} ${registry}/${repository}`, sighting)
      added()
    },
    touch(digests, atMs) {
      for (const digest of digests) {
        waiting.uses.set(digest, Math.max(atMs, waiting.uses.get(digest) ?? 0))
      }
      added()
    },
    forget(digests) {
      for (const digest of digests) {
        waiting.manifests.delete(digest)
        waiting.configs.delete(digest)
        waiting.uses.delete(digest)
        waiting.forgotten.add(digest)
      }
      const dropped = new Set(digests)
      for (const [name, { digest }] of waiting.sightings) {
        if (dropped.has(digest)) waiting.sightings.delete(name)
      }
      added()
    },
    close: flush,
  }
}

interface Batch {
  /** Written before the rest: what came after a digest was forgotten is new. */
  readonly forgotten: Set<Digest>
  readonly manifests: Map<Digest, ManifestEntry>
  readonly configs: Map<Digest, ConfigEntry>
  readonly sightings: Map<string, Repository & { readonly digest: Digest }>
  readonly uses: Map<Digest, number>
}

const emptyBatch = (): Batch => ({
  forgotten: new Set(),
  manifests: new Map(),
  configs: new Map(),
  sightings: new Map(),
  uses: new Map(),
})

const sizeOf = ({ forgotten, manifests, configs, sightings, uses }: Batch): number =>
  forgotten.size + manifests.size + configs.size + sightings.size + uses.size

function load(db: Connection): CatalogContents {
  const manifests = db
    .prepare<[], [Digest, string, string | null]>(
      'SELECT digest, media_type, content FROM manifest',
    )
    .raw()
    .all()
  const configs = db
    .prepare<[], [Digest, string | null]>('SELECT digest, platform FROM image_config')
    .raw()
    .all()
  const sightings = db
    .prepare<[], [Digest, string, string]>(
      'SELECT digest, registry, repository FROM content_sighting',
    )
    .raw()
    .all()
  const uses = db.prepare<[], [Digest, number]>('SELECT digest, at_ms FROM content_use').raw().all()
  return {
    manifests: manifests.map(([digest, mediaType, content]) => ({
      digest,
      mediaType,
      content: content === null ? undefined : (JSON.parse(content) as Manifest),
    })),
    configs: configs.map(([digest, platform]) => ({
      digest,
      platform: platform === null ? undefined : (JSON.parse(platform) as Platform),
    })),
    sightings: sightings.map(([digest, registry, repository]) => ({
      digest,
      repository: { registry, repository },
    })),
    uses: uses.map(([digest, atMs]) => ({ digest, atMs })),
  }
}

import type { Digest } from '../../src/oci/digest.ts'
import { formatRepository, type Repository } from '../../src/oci/reference.ts'
import type { ConfigEntry, ContentCatalog, ManifestEntry } from '../../src/ports/content-catalog.ts'

/** A content catalog in memory. What it holds survives who uses it: give it to the next one, and that was a restart. */
export function createMemoryCatalog(): ContentCatalog {
  const manifests = new Map<Digest, ManifestEntry>()
  const configs = new Map<Digest, ConfigEntry>()
  const sightings = new Map<string, { digest: Digest; repository: Repository }>()
  const uses = new Map<Digest, number>()
  return {
    load: () => ({
      manifests: [...manifests.values()],
      configs: [...configs.values()],
      sightings: [...sightings.values()],
      uses: [...uses].map(([digest, atMs]) => ({ digest, atMs })),
    }),
    addManifest: entry => void manifests.set(entry.digest, entry),
    addConfig: entry => void configs.set(entry.digest, entry),
    addSighting(digest, repository) {
      sightings.set(`${digest} ${formatRepository(repository)}`, { digest, repository })
    },
    touch(digests, atMs) {
      for (const digest of digests) uses.set(digest, atMs)
    },
    forget(digests) {
      for (const digest of digests) {
        manifests.delete(digest)
        configs.delete(digest)
        uses.delete(digest)
        for (const key of sightings.keys()) if (key.startsWith(digest)) sightings.delete(key)
      }
    },
  }
}

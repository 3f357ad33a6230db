import type { Digest } from '../oci/digest.ts'
import { maxManifestBytes } from '../oci/manifest.ts'
import type { Repository } from '../oci/reference.ts'
import type { ContentStore } from '../ports/content-store.ts'
import type { PeerService } from '../ports/peer-port.ts'
import { isAbsent } from './absent.ts'
import type { ContentGraph } from './content-graph.ts'
import type { Blobs } from './get-blob.ts'
import type { Manifests } from './get-manifest.ts'

/**
 * Serves other nodes what is held here, under the same rules for what is private as clients. A manifest that was verified is served before it
 * is stored: whoever was told its digest asks for it at once, and the disk may be slow.
 */
export function createPeerContent(parts: {
  readonly store: Pick<ContentStore, 'stat' | 'get'>
  readonly graph: Pick<ContentGraph, 'manifest' | 'isServedUnder'>
  readonly manifests: Pick<Manifests, 'unstored'>
  readonly blobs: Pick<Blobs, 'openForPeer'>
  /** By rule; remembers what it worked out. */
  readonly isPrivate: (repository: Repository) => boolean
}): Pick<PeerService, 'openBlob' | 'getManifest'> {
  const { store, graph } = parts
  const stored = async (digest: Digest): Promise<Buffer | undefined> =>
    store.stat(digest) && store.get(digest, maxManifestBytes)

  return {
    async openBlob({ digest, repository, offset, end, relay, priority }, _from, signal) {
      const opened = await parts.blobs.openForPeer(repository, digest, {
        start: offset,
        end,
        isRelayed: relay,
        priority,
        signal,
      })
      return isAbsent(opened) ? undefined : opened
    },
    async getManifest(digest, repository) {
      const known = graph.manifest(digest)
      if (known === undefined) return undefined
      if (!graph.isServedUnder(digest, repository, parts.isPrivate)) return undefined
      const bytes = parts.manifests.unstored(digest)?.bytes ?? (await stored(digest))
      return bytes && { mediaType: known.mediaType, bytes }
    },
  }
}

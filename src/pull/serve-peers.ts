import { maxManifestBytes } from '../oci/manifest.ts'
import type { Repository } from '../oci/reference.ts'
import type { ContentStore } from '../ports/content-store.ts'
import type { PeerService } from '../ports/peer-port.ts'
import { isAbsent } from './absent.ts'
import type { ContentGraph } from './content-graph.ts'
import type { Blobs } from './get-blob.ts'

/** Serves other nodes what is held here, under the same rules for what is private as clients. */
export function createPeerContent(parts: {
  readonly store: Pick<ContentStore, 'stat' | 'get'>
  readonly graph: Pick<ContentGraph, 'manifest' | 'isServedUnder'>
  readonly blobs: Pick<Blobs, 'openForPeer'>
  /** By rule; remembers what it worked out. */
  readonly isPrivate: (repository: Repository) => boolean
}): Pick<PeerService, 'openBlob' | 'getManifest'> {
  const { store, graph } = parts
  return {
    async openBlob({ digest, repository, offset, end, relay }, _from, signal) {
      const opened = await parts.blobs.openForPeer(repository, digest, {
        start: offset,
        end,
        isRelayed: relay,
        signal,
      })
      return isAbsent(opened) ? undefined : opened
    },
    async getManifest(digest, repository) {
      const known = graph.manifest(digest)
      if (known === undefined || store.stat(digest) === undefined) return undefined
      if (!graph.isServedUnder(digest, repository, parts.isPrivate)) return undefined
      const bytes = await store.get(digest, maxManifestBytes)
      return bytes && { mediaType: known.mediaType, bytes }
    },
  }
}

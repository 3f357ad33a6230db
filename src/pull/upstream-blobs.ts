import type { BlobSource } from '../ports/blob-source.ts'
import type { Upstream } from '../ports/upstream.ts'
import type { ReachOf } from './reach-of.ts'

/** The registry that owns a repository, as a source of its blobs. */
export function createUpstreamBlobs(
  upstream: Pick<Upstream, 'getBlob'>,
  reachOf: ReachOf,
): BlobSource {
  return {
    name: 'upstream',
    kind: 'upstream',
    reach: reachOf,
    open: (digest, repository, offset, signal) =>
      upstream.getBlob(repository, digest, offset, signal),
  }
}

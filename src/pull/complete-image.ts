import type { Digest } from '../oci/digest.ts'
import type { Repository } from '../oci/reference.ts'
import { type Absent, absent } from './absent.ts'
import type { Completeness, MissingContent } from './completeness.ts'
import type { Blobs } from './get-blob.ts'
import type { Manifests } from './get-manifest.ts'

/** What fetching an image into the store takes. */
export interface FetchParts {
  readonly completeness: Pick<Completeness, 'missing'>
  readonly manifests: Pick<Manifests, 'fetch'>
  readonly blobs: Pick<Blobs, 'fetch'>
}

/**
 * Fetches what this node lacks of an image, for its own platforms: what a manifest refers to becomes known, and then missing, once that
 * is here. `undefined` when nothing is missing any more. Rejects when `signal` aborts.
 */
export async function completeImage(
  parts: FetchParts,
  image: { readonly repository: Repository; readonly target: Digest },
  signal: AbortSignal,
): Promise<Absent | undefined> {
  const fetched = new Set<Digest>()
  for (;;) {
    const [next] = parts.completeness.missing(image.target)
    if (next === undefined) return undefined
    if (fetched.has(next.digest)) return absent(`${next.digest} cannot be stored`)
    const failure = await fetchOne(parts, image.repository, next, signal)
    if (failure !== undefined) return failure
    fetched.add(next.digest)
  }
}

async function fetchOne(
  { manifests, blobs }: FetchParts,
  repository: Repository,
  { digest, kind }: MissingContent,
  signal: AbortSignal,
): Promise<Absent | undefined> {
  const failure =
    kind === 'manifest'
      ? await manifests.fetch(repository, digest, signal)
      : await blobs.fetch(repository, digest, signal)
  signal.throwIfAborted()
  return failure
}

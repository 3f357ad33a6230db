import type { Reference } from '../oci/reference.ts'
import { completeImage, type FetchParts } from './complete-image.ts'
import type { ResolveTag } from './resolution.ts'

/** Pulls all of an image into the store, as for a client; tells why where it cannot. */
export type PullImage = (reference: Reference, signal: AbortSignal) => Promise<string | undefined>

/** A tag is resolved first, as for a client. */
export function createPullImage(
  parts: FetchParts & { readonly resolveTag: ResolveTag },
): PullImage {
  return async ({ tag, digest, ...repository }, signal) => {
    const key = { ...repository, tag: tag ?? 'latest' }
    const answer = digest ? undefined : await parts.resolveTag(key, { asking: 'GET', signal })
    if (answer?.found === false) return answer.reason
    const target = digest ?? answer?.digest
    if (target === undefined) return 'nothing to pull'
    return (await completeImage(parts, { repository, target }, signal))?.reason
  }
}

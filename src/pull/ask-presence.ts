import type { Digest } from '../oci/digest.ts'
import type { Repository } from '../oci/reference.ts'
import { UpstreamFailure } from '../ports/errors.ts'
import type { Upstream } from '../ports/upstream.ts'
import type { ContentGraph } from './content-graph.ts'
import { inTime } from './owner-rung.ts'
import type { ReachOf } from './reach-of.ts'

/** Whether a registry has a manifest in a repository; `undefined`: it cannot be asked now, or does not say. */
export type AskPresence = (
  repository: Repository,
  digest: Digest,
  signal: AbortSignal,
) => Promise<boolean | undefined>

/** @param settings.deadlineMs how long the registry is waited for */
export function createAskPresence(
  parts: {
    readonly graph: Pick<ContentGraph, 'addSighting'>
    readonly upstream: Pick<Upstream, 'getManifest'>
    readonly reachOf: ReachOf
  },
  { deadlineMs }: { readonly deadlineMs: number },
): AskPresence {
  async function ask(
    repository: Repository,
    digest: Digest,
    signal: AbortSignal,
  ): Promise<boolean | undefined> {
    try {
      await parts.upstream.getManifest(repository, digest, signal)
    } catch (error) {
      if (!(error instanceof UpstreamFailure)) throw error
      return error.code === 'not-found' ? false : undefined
    }
    parts.graph.addSighting(digest, repository)
    return true
  }

  return async (repository, digest, signal) =>
    parts.reachOf(repository).state === 'reachable'
      ? inTime(ask(repository, digest, signal), deadlineMs, signal)
      : undefined
}

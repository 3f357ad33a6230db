import type { Clock } from '../ports/clock.ts'
import { type FailureReason, UpstreamFailure } from '../ports/errors.ts'
import type { BlobAnswer, Upstream } from '../ports/upstream.ts'

/** What an upstream is asked; a closed set. */
export type UpstreamQuestion = 'tag' | 'manifest' | 'blob' | 'tags' | 'referrers'

/** How it went. `aborted`: nobody wanted the answer any more. */
export type UpstreamOutcome = 'ok' | 'aborted' | 'fault' | FailureReason

/** Counts questions to upstreams. */
export interface UpstreamMeter {
  /** `seconds` until the answer, or the head of a blob's. */
  asked(question: UpstreamQuestion, outcome: UpstreamOutcome, seconds: number): void
  /** Bytes of content that came in. */
  received(bytes: number): void
}

/** Wraps the upstreams so that every question is counted with its outcome and time. */
export function measureUpstream(
  upstream: Upstream,
  { meter, clock }: { readonly meter: UpstreamMeter; readonly clock: Clock },
): Upstream {
  async function measure<T>(question: UpstreamQuestion, asking: Promise<T>): Promise<T> {
    const startedAtMs = clock.monotonicMs()
    let outcome: UpstreamOutcome = 'ok'
    try {
      return await asking
    } catch (error) {
      outcome = outcomeOf(error)
      throw error
    } finally {
      meter.asked(question, outcome, (clock.monotonicMs() - startedAtMs) / 1000)
    }
  }

  async function* count(body: BlobAnswer['body']): AsyncGenerator<Uint8Array, void> {
    for await (const chunk of body) {
      meter.received(chunk.byteLength)
      yield chunk
    }
  }

  return {
    ...upstream,
    resolveTag: async (key, options) => {
      const answer = await measure('tag', upstream.resolveTag(key, options))
      meter.received(answer.manifest?.byteLength ?? 0)
      return answer
    },
    getManifest: async (repository, digest, signal) => {
      const answer = await measure('manifest', upstream.getManifest(repository, digest, signal))
      meter.received(answer.bytes.byteLength)
      return answer
    },
    getBlob: async (repository, digest, offset, signal) => {
      const asking = upstream.getBlob(repository, digest, offset, signal)
      const answer = await measure('blob', asking)
      return { ...answer, body: count(answer.body) }
    },
    listTags: (repository, signal) => measure('tags', upstream.listTags(repository, signal)),
    listReferrers: (repository, digest, signal) =>
      measure('referrers', upstream.listReferrers(repository, digest, signal)),
  }
}

function outcomeOf(error: unknown): UpstreamOutcome {
  if (error instanceof UpstreamFailure) return error.reason
  const isAbort = error instanceof Error && error.name === 'AbortError'
  return isAbort ? 'aborted' : 'fault'
}

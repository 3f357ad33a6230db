import { formatTag } from '../oci/reference.ts'
import type { Clock } from '../ports/clock.ts'
import type { FailureClass } from '../ports/errors.ts'
import type { Log } from '../ports/log.ts'
import type { ResolutionSource, Resolved, ResolveTag, Unresolved } from '../pull/resolution.ts'

/** Counts resolutions. */
export interface ResolutionMeter {
  resolved(source: ResolutionSource | 'none', failure: FailureClass | 'none', seconds: number): void
  /** An answer that its owner did not confirm just now. @param ageSeconds since it last did */
  answeredStale(source: ResolutionSource, ageSeconds: number): void
}

/**
 * Wraps the resolution of tags: each answer is one line at info and one count. A person's `explain` is neither: nobody pulled.
 */
export function measureResolveTag(
  resolveTag: ResolveTag,
  { meter, clock, log }: { meter: ResolutionMeter; clock: Clock; log: Log },
): ResolveTag {
  return async (key, options) => {
    if (options.asking === 'explain') return resolveTag(key, options)
    const startedAtMs = clock.monotonicMs()
    const answer = await resolveTag(key, options)
    const durationMs = clock.monotonicMs() - startedAtMs
    const source = answer.found ? answer.source : 'none'
    meter.resolved(source, answer.failure ?? 'none', durationMs / 1000)
    if (answer.found && answer.ageSeconds !== undefined) {
      meter.answeredStale(answer.source, answer.ageSeconds)
    }
    tell(answer, Math.round(durationMs * 100) / 100)
    return answer
  }

  function tell(answer: Resolved | Unresolved, durationMs: number): void {
    const ref = formatTag(answer.key)
    const { failure } = answer
    if (answer.found) {
      const { source, digest } = answer
      log.info({ ref, source, digest, failure, durationMs }, 'tag resolved')
    } else {
      log.info({ ref, source: 'none', failure, reason: answer.reason, durationMs }, 'no answer')
    }
  }
}

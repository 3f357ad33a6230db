import type { UpstreamFailure } from '../../ports/errors.ts'
import type { Witness } from './exchange.ts'
import type { Health, Subject } from './health.ts'
import type { Again } from './probe.ts'

/** Reasons of failures that happen between two hosts, whatever is asked. */
const linkReasons: ReadonlySet<string> = new Set(['dns', 'connect', 'tls', 'clock'])
/** Reasons that are the endpoint's only if it says nothing to anybody. */
const silenceReasons: ReadonlySet<string> = new Set(['timeout', 'reset', 'stalled'])
/** Codes of failures that are a registry's own word. */
const answers: ReadonlySet<string> = new Set(['denied', 'not-found', 'rate-limited'])

/** Follows one question and tells the endpoint's books what its end means. */
export interface Verdict {
  readonly witness: Witness
  /** The endpoint spoke in answer to this very question. */
  wasHeard(): boolean
  /** A third of the deadline has passed: from here on it matters whether the endpoint says anything to anybody. */
  listen(): void
  /** The deadline is used up without an answer. */
  silent(failure: UpstreamFailure): void
  failed(failure: UpstreamFailure): void
}

/** Makes the verdict on a question that starts now; `again` asks it in the background. */
export function createVerdict(health: Health, subject: Subject, again: Again): Verdict {
  let heardBefore = health.heardCount()
  let isElsewhere = false
  let wasHeard = false
  let wasSilent = false
  /** Whoever asked has waited for a good part of the deadline. */
  let isLate = false

  function guilty({ reason }: UpstreamFailure): 'endpoint' | 'repository' {
    if (isElsewhere) return 'repository'
    if (linkReasons.has(reason)) return 'endpoint'
    const isAlive = health.heardCount() > heardBefore
    return silenceReasons.has(reason) && !isAlive ? 'endpoint' : 'repository'
  }

  function blame(failure: UpstreamFailure): void {
    const wasWaitedFor = isLate && linkReasons.has(failure.reason)
    health.blame(subject, guilty(failure), failure, again, wasWaitedFor)
  }

  return {
    witness: {
      heard() {
        if (isElsewhere) return
        wasHeard = true
        health.heard()
      },
      left() {
        isElsewhere = true
      },
    },
    wasHeard: () => wasHeard,
    listen() {
      isLate = true
      heardBefore = health.heardCount()
    },
    silent(failure) {
      wasSilent = true
      blame(failure)
    },
    failed(failure) {
      if (failure.code === 'rate-limited') health.pause(subject, failure.retryAfterMs ?? 0)
      if (answers.has(failure.code)) health.succeed(subject)
      // The end of a silence that was counted already is no second failure.
      else if (!wasSilent || !silenceReasons.has(failure.reason)) blame(failure)
    },
  }
}

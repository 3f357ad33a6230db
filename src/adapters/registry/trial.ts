import { UpstreamFailure } from '../../ports/errors.ts'
import { abortedFailure } from './answer-body.ts'
import type { Witness } from './exchange.ts'
import type { Health, Subject } from './health.ts'
import { describeUrl } from './origin.ts'
import type { Schedule } from './probe.ts'
import { createRace } from './race.ts'

/** What a question gets to work with. */
export interface Attempt {
  readonly signal: AbortSignal
  /** Use no kept connection. */
  readonly isFresh: boolean
  readonly witness: Witness
  /** Its body, accepted before, came to nothing. */
  broke(failure: UpstreamFailure): void
}

/** One question to one endpoint, fit to be asked again. */
export interface Trial<T> {
  readonly subject: Subject
  readonly ask: (attempt: Attempt) => Promise<T>
  /** Gets rid of an answer that nobody waits for. */
  readonly drop?: ((answer: T) => void) | undefined
  /** Cheap enough to be sent twice when the connection it was sent on seems dead. */
  readonly mayRepeat?: boolean | undefined
}

/** How long a question may be silent before that counts, and who may end it. */
export interface Patience {
  readonly signal: AbortSignal
  /** ms, or `undefined` for a question that nobody waits for. */
  readonly deadlineMs: number | undefined
}

/** Reasons of failures that happen between two hosts, whatever is asked. */
const linkReasons: ReadonlySet<string> = new Set(['dns', 'connect', 'tls', 'clock'])
/** Reasons that are the endpoint's only if it says nothing to anybody. */
const silenceReasons: ReadonlySet<string> = new Set(['timeout', 'reset', 'stalled'])
/** Codes of failures that are a registry's own word. */
const answers: ReadonlySet<string> = new Set(['denied', 'not-found', 'rate-limited'])

/**
 * Asks one question of one endpoint, bounded, and enters in its books what answer and silence say. At a third of the deadline a
 * silent endpoint is asked `GET /v2/` too; at the whole of it silence is a failure, while the question goes on. Rejects with
 * `UpstreamFailure`.
 */
export async function tryEndpoint<T>(
  { health, schedule }: { readonly health: Health; readonly schedule: Schedule },
  trial: Trial<T>,
  patience: Patience,
): Promise<T> {
  const { subject } = trial
  const { endpoint, closing } = health
  const { connectMs, headersMs, stallMs } = endpoint.timeouts
  // All redirects and tokens included, however slowly they trickle.
  const questionMs = 2 * (connectMs + headersMs) + stallMs
  const overdue = new AbortController()
  const signal = AbortSignal.any([patience.signal, closing, overdue.signal])
  const heardBefore = health.heardCount()
  let isElsewhere = false
  let wasSilent = false

  const hasHeard = (): boolean => health.heardCount() > heardBefore

  async function again(): Promise<void> {
    const quiet = { signal: closing, deadlineMs: undefined }
    const answer = await tryEndpoint({ health, schedule }, trial, quiet)
    trial.drop?.(answer)
  }

  function guilty(reason: string): 'endpoint' | 'repository' {
    if (isElsewhere) return 'repository'
    if (linkReasons.has(reason)) return 'endpoint'
    return silenceReasons.has(reason) && !hasHeard() ? 'endpoint' : 'repository'
  }

  function settle(failure: UpstreamFailure): void {
    if (failure.code === 'rate-limited') health.pause(subject, failure.retryAfterMs ?? 0)
    if (answers.has(failure.code)) health.succeed(subject)
    // The end of a silence that was counted already is no second failure.
    else if (!wasSilent || !silenceReasons.has(failure.reason)) {
      health.blame(subject, guilty(failure.reason), failure, again)
    }
  }

  function becameSilent(deadlineMs: number): void {
    wasSilent = true
    health.blame(subject, guilty('timeout'), silence(endpoint.url, deadlineMs), again)
  }

  const { deadlineMs } = patience
  const race = createRace<T>(trial.drop, 'first')

  function attempt(isFresh: boolean): Promise<T> {
    return trial.ask({
      signal,
      isFresh,
      witness: {
        heard() {
          if (!isElsewhere) health.heard()
        },
        left() {
          isElsewhere = true
        },
      },
      broke(failure) {
        if (!signal.aborted) settle(failure)
      },
    })
  }

  /**
   * A kept connection may be dead without knowing, as after an uplink came back another way. If the endpoint answers on a new one, that
   * one is kept from then on, and the question is asked there as well.
   */
  async function third(): Promise<void> {
    if (hasHeard()) return
    const isAlive = await health.ping()
    if (isAlive && trial.mayRepeat && !race.isOver() && !signal.aborted) race.add(attempt(false))
  }

  const timers = [schedule(questionMs, () => overdue.abort(silence(endpoint.url, questionMs)))]
  if (deadlineMs !== undefined) {
    timers.push(
      schedule(deadlineMs / 3, third),
      schedule(deadlineMs, () => becameSilent(deadlineMs)),
    )
  }

  const cut = (): void => race.cut(signal.reason)
  signal.addEventListener('abort', cut, { once: true })
  try {
    signal.throwIfAborted()
    race.add(attempt(deadlineMs === undefined))
    const answer = await race.outcome
    health.succeed(subject)
    return answer
  } catch (error) {
    const failure = signal.aborted ? abortedFailure(signal, endpoint.url) : error
    const wasEnded = patience.signal.aborted || closing.aborted
    if (failure instanceof UpstreamFailure && !wasEnded) settle(failure)
    throw failure
  } finally {
    for (const cancel of timers) cancel()
    signal.removeEventListener('abort', cut)
    // The slower of two attempts; one alone has ended, or its body is still being read.
    if (race.running() > 0) overdue.abort(silence(endpoint.url, deadlineMs ?? questionMs))
  }
}

function silence(url: string, afterMs: number): UpstreamFailure {
  const message = `${describeUrl(url)} said nothing within ${Math.round(afterMs)} ms`
  return new UpstreamFailure('unreachable', 'timeout', message)
}

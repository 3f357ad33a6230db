import { UpstreamFailure } from '../../ports/errors.ts'
import { abortedFailure } from './answer-body.ts'
import type { Question, Witness } from './exchange.ts'
import type { Health, Subject } from './health.ts'
import { describeUrl } from './origin.ts'
import type { Schedule } from './probe.ts'
import { createRace, type Race } from './race.ts'
import { createVerdict } from './verdict.ts'

/** What a question gets to work with. */
export interface Attempt {
  readonly signal: AbortSignal
  /** Nobody waits for the answer; what counts is that there is one, at little cost. */
  readonly isBackground: boolean
  readonly freshConnection: Question['freshConnection']
  readonly witness: Witness
  /** Its body, accepted before, came to nothing. */
  broke(failure: UpstreamFailure): void
}

/** One question to one endpoint, fit to be asked again. */
interface Trial<T> {
  readonly subject: Subject
  readonly ask: (attempt: Attempt) => Promise<T>
  /** Gets rid of an answer that nobody waits for. */
  readonly drop?: ((answer: T) => void) | undefined
  /** Cheap enough to be sent twice when the connection it was sent on seems dead. */
  readonly mayRepeat?: boolean | undefined
}

/** How long a question may be silent before that counts, and who may end it. */
interface Patience {
  readonly signal: AbortSignal
  /** ms, or `undefined` for a question that nobody waits for. */
  readonly deadlineMs: number | undefined
}

/** How long a background question is silent before new connections are tried, and the pause between them while nobody answers; ms. */
const lookAsideMs = 1_000
/** The pause while the endpoint answers others, ms. */
const lookAgainMs = 2_000
/** Attempts at one background question at a time. */
const maxAttempts = 4

/**
 * Asks one question of one endpoint, bounded, and enters in its books what answer and silence say. At a third of the deadline a
 * question that is not answered asks `GET /v2/` too; at the whole of it silence is a failure, while the question goes on. Rejects with
 * `UpstreamFailure`.
 */
export async function tryEndpoint<T>(
  { health, schedule }: { readonly health: Health; readonly schedule: Schedule },
  trial: Trial<T>,
  patience: Patience,
): Promise<T> {
  const { endpoint, closing } = health
  const { deadlineMs } = patience
  const { connectMs, headersMs, stallMs } = endpoint.timeouts
  // All redirects and tokens included, however slowly they trickle.
  const questionMs = 2 * (connectMs + headersMs) + stallMs
  const overdue = new AbortController()
  const signal = AbortSignal.any([patience.signal, closing, overdue.signal])
  const race = createRace<T>(trial.drop, 'first')

  const verdict = createVerdict(health, trial.subject, async () => {
    const quiet = { signal: closing, deadlineMs: undefined }
    const answer = await tryEndpoint({ health, schedule }, trial, quiet)
    trial.drop?.(answer)
  })

  /** What the caller ends, or we by closing, says nothing about the endpoint. */
  function judge(error: unknown): void {
    const wasEnded = patience.signal.aborted || closing.aborted
    if (error instanceof UpstreamFailure && !wasEnded) verdict.failed(error)
  }

  const attempts = createAttempts(race, ends =>
    trial.ask({
      signal: AbortSignal.any([signal, ends.signal]),
      isBackground: deadlineMs === undefined,
      freshConnection: ends.freshConnection,
      witness: verdict.witness,
      broke: judge,
    }),
  )
  const isSilent = (): boolean => !verdict.wasHeard() && race.running() > 0

  /**
   * A kept connection may be dead without knowing, as after an uplink came back another way. If the endpoint answers on a new one while
   * the question is silent, the question is asked on a new one too, and the kept ones are given up.
   */
  async function third(): Promise<void> {
    verdict.listen()
    const isAlive = await health.ping()
    if (isAlive && isSilent() && trial.mayRepeat) attempts.begin(true)
  }

  /** What was sent before an outage may have gone with it, and its connection too: it is asked anew once somebody else is answered. */
  function askAnew(): void {
    if (isSilent() && !race.isOver()) attempts.begin('aside')
  }

  const timers = [schedule(questionMs, () => overdue.abort(silence(endpoint.url, questionMs)))]
  if (deadlineMs === undefined) {
    timers.push(lookAside({ health, schedule }, race, () => attempts.begin('aside')))
  }
  if (deadlineMs !== undefined) {
    timers.push(
      health.onReturn(askAnew),
      schedule(deadlineMs / 3, third),
      schedule(deadlineMs, () => verdict.silent(silence(endpoint.url, deadlineMs))),
    )
  }

  try {
    signal.throwIfAborted()
    // In the background: while others are answered, nothing speaks against the kept connections.
    attempts.begin(deadlineMs === undefined && (health.isDown() || 'aside'))
    const answer = await outcomeOf(race, signal)
    health.succeed(trial.subject)
    return answer
  } catch (error) {
    const failure = signal.aborted ? abortedFailure(signal, endpoint.url) : error
    judge(failure)
    throw failure
  } finally {
    for (const cancel of timers) cancel()
    attempts.endOthers(silence(endpoint.url, deadlineMs ?? questionMs))
  }
}

/** What a single attempt is asked with. */
interface Ends {
  readonly signal: AbortSignal
  readonly freshConnection: Question['freshConnection']
}

/** Begins the attempts of a race, and ends those that did not win it without ending what is still read of the winner's body. */
function createAttempts<T>(race: Race<T>, ask: (ends: Ends) => Promise<T>) {
  const others = new Set<AbortController>()

  async function attempt(freshConnection: Ends['freshConnection']): Promise<T> {
    const ends = new AbortController()
    others.add(ends)
    const answer = await ask({ signal: ends.signal, freshConnection })
    if (!race.isOver()) others.delete(ends)
    return answer
  }

  return {
    begin: (freshConnection: Ends['freshConnection']) => race.add(attempt(freshConnection)),
    endOthers(reason: UpstreamFailure): void {
      for (const other of others) other.abort(reason)
    },
  }
}

/**
 * The outage may have taken a question's connection with it for good: new ones are tried, one at a time, and whenever the endpoint
 * answers on one the question is asked again, as what it is about may be back only later. Returns what ends it.
 */
function lookAside<T>(
  { health, schedule }: { readonly health: Health; readonly schedule: Schedule },
  race: Race<T>,
  askAgain: () => void,
): () => void {
  let cancel = schedule(lookAsideMs, look)

  async function look(): Promise<void> {
    const isAlive = await health.ping()
    if (race.isOver()) return
    if (isAlive && race.running() < maxAttempts) askAgain()
    cancel = schedule(isAlive ? lookAgainMs : lookAsideMs, look)
  }

  return () => cancel()
}

/** The race's outcome, or its end with the signal: nothing that is waited for may outlast that, whatever it hangs in. */
async function outcomeOf<T>(race: Race<T>, signal: AbortSignal): Promise<T> {
  const cut = (): void => race.cut(signal.reason)
  signal.addEventListener('abort', cut, { once: true })
  try {
    return await race.outcome
  } finally {
    signal.removeEventListener('abort', cut)
  }
}

function silence(url: string, afterMs: number): UpstreamFailure {
  const message = `${describeUrl(url)} said nothing within ${Math.round(afterMs)} ms`
  return new UpstreamFailure('unreachable', 'timeout', message)
}

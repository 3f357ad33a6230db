import type { Digest } from '../oci/digest.ts'
import { formatTag, type Repository, type TagReference } from '../oci/reference.ts'
import type { Clock } from '../ports/clock.ts'
import { UpstreamFailure } from '../ports/errors.ts'
import type { Log } from '../ports/log.ts'
import type { TagLedger, Target } from '../ports/tag-ledger.ts'
import type { TagAnswer, Upstream } from '../ports/upstream.ts'
import type { ContentView } from './content-view.ts'
import { createQuestionFlights, type Flight } from './question-flights.ts'
import type { ResolveOptions } from './resolution.ts'

/** An upstream's word for a tag, with the manifest in hand. */
export interface Confirmed extends Target {
  readonly endpoint: string
  readonly confirmedAtMs: number
}

/** A question to the tag's owner, under way. */
export interface UpstreamFlight extends Flight<Confirmed> {
  /** The owner's answer as soon as it came, before its manifest is in hand. */
  named(): TagAnswer | undefined
}

interface Parts {
  readonly ledger: TagLedger
  readonly upstream: Upstream
  readonly content: ContentView
  readonly clock: Clock
  readonly log: Log
  /** Gets a manifest into the store, verified; `undefined` when it cannot be had. */
  readonly fetchManifest: (
    repository: Repository,
    digest: Digest,
    signal: AbortSignal,
  ) => Promise<Target | undefined>
  /** Stores a manifest that came with the answer. */
  readonly keepManifest: (
    repository: Repository,
    digest: Digest,
    mediaType: string,
    bytes: Buffer,
  ) => Promise<Target>
  readonly markSuspect: (digest: Digest) => void
  /** Told of every answer with the time it took, in ms; `isRestWanted`: whether one of those who asked wants the image whole here. */
  readonly onAnswer: (
    key: TagReference,
    answer: Confirmed,
    tookMs: number,
    isRestWanted: boolean,
  ) => void
}

/** Joins or starts a question to the tag's owner. */
export type AskUpstream = (
  key: TagReference,
  options?: Pick<ResolveOptions, 'leavesRest'>,
) => Promise<UpstreamFlight>

/**
 * Asks the tag's owner, one flight per question. The flight is the daemon's, goes on up to `upstreamTimeoutMs` whoever still
 * waits, and writes what it learns to the ledger once the manifest is verified.
 */
export function createAskUpstream(
  parts: Parts,
  settings: {
    readonly timeoutMs: number
    readonly upstreamTimeoutMs: number
    readonly signal: AbortSignal
    readonly insist: () => boolean
  },
): AskUpstream {
  const join = createQuestionFlights(formatTag, key => {
    let named: TagAnswer | undefined
    let isRestWanted = false
    const signal = AbortSignal.any([
      settings.signal,
      AbortSignal.timeout(settings.upstreamTimeoutMs),
    ])
    const answer = ask()
    answer.catch(() => {}) // every waiter hears of it; with none left there is nobody to tell
    const wantRest = () => {
      isRestWanted = true
    }
    return { answer, named: () => named, wantRest }

    async function ask(): Promise<Confirmed> {
      const asked = parts.ledger.askedNow(key)
      const startedMs = parts.clock.monotonicMs()
      const { answer, target } = await askUntilInHand()
      const changed = parts.ledger.live(key)?.digest !== target.digest
      const written = parts.ledger
        .observeUpstream({ key, ...target, asked, dateMs: answer.dateMs, overTls: answer.overTls })
        .catch(err => parts.log.warn({ ref: formatTag(key), err }, 'observation not recorded'))
      if (changed) await written // what a client was told survives our death
      const confirmed = {
        ...target,
        endpoint: answer.endpoint,
        confirmedAtMs: answer.dateMs ?? parts.ledger.trustedNowMs(),
      }
      parts.onAnswer(key, confirmed, parts.clock.monotonicMs() - startedMs, isRestWanted)
      return confirmed
    }

    /** Where several endpoints speak for the registry, one that names what cannot be had leaves the word to the next. */
    async function askUntilInHand(): Promise<{ answer: TagAnswer; target: Target }> {
      for (;;) {
        const answer = await parts.upstream.resolveTag(key, {
          signal,
          deadlineMs: settings.timeoutMs,
          insist: settings.insist(),
        })
        named = answer
        const target = await manifestInHand(parts, key, answer, signal)
        if (target !== undefined) return { answer, target }
        parts.markSuspect(answer.digest)
        if (!answer.sender?.broke()) throw notDelivered(key, answer)
      }
    }
  })
  return async (key, { leavesRest = false } = {}) => {
    const flight = await join(key)
    if (!leavesRest) flight.wantRest()
    return flight
  }
}

/** A digest that is not held is answered only after its manifest came and was verified. */
async function manifestInHand(
  parts: Parts,
  key: TagReference,
  answer: TagAnswer,
  signal: AbortSignal,
): Promise<Target | undefined> {
  if (answer.manifest !== undefined) {
    return parts.keepManifest(key, answer.digest, answer.mediaType, answer.manifest)
  }
  const held = parts.content.describe(answer.digest)
  if (held !== undefined) return held
  return parts.fetchManifest(key, answer.digest, signal)
}

function notDelivered(key: TagReference, { digest, endpoint }: TagAnswer): UpstreamFailure {
  const message = `${endpoint} named ${digest} for ${formatTag(key)} but did not deliver its manifest`
  return new UpstreamFailure('unreachable', 'status', message)
}

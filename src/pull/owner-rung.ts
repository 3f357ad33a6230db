import pTimeout from 'p-timeout'
import { type FailureClass, UpstreamFailure } from '../ports/errors.ts'
import type { NodeId } from '../ports/node-id.ts'
import type { Reach } from '../ports/upstream.ts'
import type { Confirmed, UpstreamFlight } from './ask-upstream.ts'
import { type LadderParts, note, type Question } from './ladder.ts'

/** What came of asking the tag's owner. */
export type OwnerAnswer =
  | {
      readonly kind: 'answer'
      readonly confirmed: Confirmed
      /** It was named in time, but its manifest is still on its way. */
      readonly isLate?: boolean
      /** The node that asked for this one. */
      readonly saidBy?: NodeId
    }
  | { readonly kind: 'failed'; readonly failure: FailureClass; readonly outcome: string }

/**
 * Asks the tag's owner, unless that is known to be of no use, and waits `timeoutMs` at the most. An owner that has named a digest
 * by then, whose manifest is merely late, has answered. Rejects only when the client goes.
 */
export async function askOwner(
  parts: LadderParts,
  question: Question,
  reach: Reach,
  timeoutMs: number,
): Promise<OwnerAnswer> {
  const answer = ruleOut(parts, reach) ?? (await ask(parts, question, timeoutMs))
  if (answer.kind === 'failed') note(question, 'upstream', answer.outcome)
  return answer
}

function ruleOut(parts: LadderParts, reach: Reach): OwnerAnswer | undefined {
  const mode = parts.mode()
  if (mode === 'offline') return failed('unreachable', 'mode is offline: not asked')
  if (reach.state !== 'down' || mode === 'online') return undefined
  return failed(reach.failure, `known to be down (${reach.failure}): not asked`)
}

async function ask(
  parts: LadderParts,
  { key, options }: Question,
  timeoutMs: number,
): Promise<OwnerAnswer> {
  let flight: UpstreamFlight | undefined
  const asking = parts.askUpstream(key, options).then(started => {
    flight = started
    return started.answer
  })
  try {
    const confirmed = await inTime(asking, timeoutMs, options.signal)
    if (confirmed !== undefined) return { kind: 'answer', confirmed, isLate: false }
  } catch (error) {
    if (error instanceof UpstreamFailure) return failed(error.code, error.message)
    throw error
  }
  const named = flight?.named()
  if (named === undefined || parts.content.isSuspect(named.digest)) {
    return failed('unreachable', `no answer within ${timeoutMs} ms`)
  }
  const confirmedAtMs = named.dateMs ?? parts.ledger.trustedNowMs()
  return { kind: 'answer', confirmed: { ...named, confirmedAtMs }, isLate: true }
}

/** A client's wait: `undefined` after `timeoutMs`, however long the work goes on; at the next turn where that is over already. */
export function inTime<T>(
  work: Promise<T>,
  timeoutMs: number,
  signal: AbortSignal,
): Promise<T | undefined> {
  return pTimeout(work, { milliseconds: Math.max(timeoutMs, 1), fallback: () => undefined, signal })
}

function failed(failure: FailureClass, outcome: string): OwnerAnswer {
  return { kind: 'failed', failure, outcome }
}

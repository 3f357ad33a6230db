import type { Reach } from '../ports/upstream.ts'
import type { LadderParts, Question } from './ladder.ts'
import { note } from './ladder.ts'
import { askOwner, inTime, type OwnerAnswer } from './owner-rung.ts'

/**
 * Asks the tag's owner and, when that is known to be down, fails without saying anything, or is silent for a third of the time, a
 * member that reaches it; the first answer wins, and nobody waits for longer than `timeoutMs` in all.
 */
export async function askOwnerOrMember(
  parts: LadderParts,
  question: Question,
  reach: Reach,
  timeoutMs: number,
): Promise<OwnerAnswer> {
  const sinceMs = parts.clock.monotonicMs()
  const byOwner = askOwner(parts, question, reach, timeoutMs)
  if (!mayAskMembers(parts, question)) return byOwner
  byOwner.catch(() => {}) // the client went: whoever waits for it hears of it
  const early = await inTime(byOwner, timeoutMs / 3, question.options.signal)
  if (early !== undefined && !isSilence(early)) return early

  lookAhead(parts, question)
  const leftMs = Math.max(timeoutMs - (parts.clock.monotonicMs() - sinceMs), 0)
  const byMember = askMember(parts, question, leftMs)
  byMember.catch(() => {})
  const first = await firstAnswer(byOwner, byMember)
  return first ?? (await byOwner)
}

/** What the ledger remembers is looked for while a member is asked: when none gives an answer there is no time left for both. */
function lookAhead({ ledger, content }: LadderParts, { key }: Question): void {
  const live = ledger.live(key)
  if (live === undefined || content.isComplete(live.digest)) return
  void content.isInReach(key, live.digest, live.origin)
}

function mayAskMembers(parts: LadderParts, { key }: Question): boolean {
  return parts.mode() !== 'offline' && (parts.members?.canAsk(key.registry) ?? false)
}

/** The registry said nothing: a member's may say something. */
function isSilence(answer: OwnerAnswer): boolean {
  return (
    answer.kind === 'failed' && (answer.failure === 'unreachable' || answer.failure === 'clock')
  )
}

async function askMember(
  { members }: LadderParts,
  question: Question,
  timeoutMs: number,
): Promise<OwnerAnswer | undefined> {
  const { key, options } = question
  const asking = members?.ask(key, options).then(flight => flight.answer)
  let isOver = false
  asking?.then(
    () => {
      isOver = true
    },
    () => {},
  )
  const answer = asking && (await inTime(asking, timeoutMs, options.signal))
  if (answer === undefined) {
    const none = isOver
      ? 'no node that was asked could ask the registry'
      : 'no node gave an answer in time'
    note(question, 'peer', none)
    return undefined
  }
  if (answer.kind === 'failed') note(question, 'peer', answer.outcome)
  return answer
}

/** Whichever says something first; what a member's registry refused counts when the own one stays silent. */
async function firstAnswer(
  byOwner: Promise<OwnerAnswer>,
  byMember: Promise<OwnerAnswer | undefined>,
): Promise<OwnerAnswer | undefined> {
  const { promise, resolve } = Promise.withResolvers<OwnerAnswer>()
  byOwner.then(answer => !isSilence(answer) && resolve(answer)).catch(() => {})
  byMember.then(answer => answer?.kind === 'answer' && resolve(answer)).catch(() => {})
  const both = Promise.all([byOwner, byMember]).then(([, told]) => told)
  return Promise.race([promise, both])
}

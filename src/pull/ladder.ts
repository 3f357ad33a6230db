import type { Digest } from '../oci/digest.ts'
import type { TagReference } from '../oci/reference.ts'
import type { BlockedAnswers } from '../ports/blocked-answers.ts'
import type { Clock } from '../ports/clock.ts'
import type { FailureClass } from '../ports/errors.ts'
import type { Mode } from '../ports/mode.ts'
import type { PinBook } from '../ports/pin-book.ts'
import type { Pin, TagLedger, Target } from '../ports/tag-ledger.ts'
import type { Upstream } from '../ports/upstream.ts'
import type { AskMembers } from './ask-members.ts'
import type { AskUpstream } from './ask-upstream.ts'
import type { ContentView } from './content-view.ts'
import type { Confirmation, KeyMemory } from './key-memory.ts'
import type { SettingsOf } from './policy.ts'
import type { ResolutionSource, Resolved, ResolveOptions, Step, Unresolved } from './resolution.ts'

/** What the rungs of the ladder stand on. */
export interface LadderParts {
  readonly ledger: TagLedger
  readonly upstream: Pick<Upstream, 'reach'>
  readonly content: ContentView
  /** An operator does not want this digest served under any tag. */
  readonly isBlocked: (digest: Digest) => boolean
  /** What an operator's block took away from a tag. */
  readonly blockedAnswer: BlockedAnswers['of']
  /** The newest that operators said of pinning a tag, be it in force or not. */
  readonly pinState: PinBook['get']
  readonly clock: Clock
  readonly mode: () => Mode
  readonly settingsOf: SettingsOf
  /** What is remembered of a key, from a cache that the ledger's changes empty. */
  readonly memoryOf: (key: TagReference) => KeyMemory
  readonly askUpstream: AskUpstream
  /** Members that reach registries; absent: there is no mesh, or it is not to be asked. */
  readonly members?: AskMembers | undefined
  /** This node's last confirmation by upstream. */
  readonly confirmationOf: (key: TagReference) => Confirmation | undefined
  /** The repository answers, but later than clients wait. */
  readonly isSlow: (key: TagReference) => boolean
  /** Gets the manifest of a pinned digest from upstream; `false` when it cannot be had. */
  readonly fetchPinned: (key: TagReference, pin: Pin) => Promise<boolean>
  /** This node may not have heard yet what others know of the tag: asks them for it. Absent: a node alone. */
  readonly catchUp?:
    | ((key: TagReference, signal: AbortSignal) => Promise<unknown> | undefined)
    | undefined
  /** Memory answered: ask upstream behind the client's back, when that is sensible. */
  readonly refreshBehind: (key: TagReference, options: Pick<ResolveOptions, 'leavesRest'>) => void
}

/** One question on its way down the ladder. */
export interface Question {
  readonly key: TagReference
  readonly options: ResolveOptions
  /** On the monotonic clock: how long the client waits. */
  readonly untilMs: number
  /** The rungs tried so far, where somebody wants to know. */
  readonly steps: Step[] | undefined
}

/** A rung's answer. */
export interface RungAnswer {
  readonly target: Target
  readonly source: ResolutionSource
  readonly reason: string
  readonly confirmedAtMs: number | undefined
  readonly saidBy: string | undefined
}

/** Notes what came of a rung, for an explanation. */
export function note({ steps }: Question, rung: string, outcome: string): void {
  steps?.push({ rung, outcome })
}

/** The ladder's answer, made of a rung's. @param nowMs trusted time, for the age */
export function resolved(
  question: Question,
  answer: RungAnswer,
  nowMs: number,
  failure?: FailureClass,
): Resolved {
  const { target, source, reason, confirmedAtMs, saidBy } = answer
  if (question.steps !== undefined) note(question, source, `${target.digest}: ${reason}`)
  const fresh = source === 'upstream' || source === 'peer' || source === 'pin'
  return {
    found: true,
    key: question.key,
    digest: target.digest,
    mediaType: target.mediaType,
    size: target.size,
    source,
    fresh,
    confirmedAtMs,
    ageSeconds: fresh ? undefined : ageSeconds(nowMs, confirmedAtMs),
    reason,
    failure,
    saidBy,
    steps: question.steps ?? [],
  }
}

/** The ladder's foot: no answer. */
export function unresolved(
  { key, steps }: Question,
  reason: string,
  failure: FailureClass | undefined,
): Unresolved {
  return { found: false, key, reason, failure, steps: steps ?? [] }
}

function ageSeconds(nowMs: number, confirmedAtMs: number | undefined): number | undefined {
  if (confirmedAtMs === undefined) return undefined
  return Math.max(0, Math.floor((nowMs - confirmedAtMs) / 1000))
}

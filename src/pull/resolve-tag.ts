import type { Digest } from '../oci/digest.ts'
import type { TagReference } from '../oci/reference.ts'
import type { Pin } from '../ports/tag-ledger.ts'
import type { Reach } from '../ports/upstream.ts'
import type { Confirmed } from './ask-upstream.ts'
import {
  type LadderParts,
  note,
  type Question,
  type RungAnswer,
  resolved,
  unresolved,
} from './ladder.ts'
import { recall } from './memory-rungs.ts'
import { inTime, type OwnerAnswer } from './owner-rung.ts'
import { askOwnerOrMember } from './peer-rung.ts'
import { mayServe, type TagSettings, tellFailure } from './policy.ts'
import type { Resolved, ResolveOptions, ResolveTag, Unresolved } from './resolution.ts'

/** Of the deadline: so long a node that has just joined may ask others what they know, before it asks the registry. */
const catchUpShare = 0.3

/** A slow repository's confirmation is answered without asking while it is younger than this, in ms. */
const slowFreshMs = 30_000

type OwnersWord = Extract<OwnerAnswer, { kind: 'answer' }>

/**
 * The ladder: pin, fresh memory, upstream, peer, ledger, history, asked, repository; the first that answers wins. Online means fresh:
 * while upstream answers in time, memory is asked only where settings say so. Offline means fast: what is known to be down is not
 * asked, and the first question that finds out is bounded by `timeoutMs`.
 */
export function createResolveTag(
  parts: LadderParts,
  settings: {
    readonly timeoutMs: number
    /** The same of a patient question. */
    readonly upstreamTimeoutMs: number
    /** How long it is waited for other nodes that were asked, when there is nothing else to answer, ms. */
    readonly patienceMs: number
  },
): ResolveTag {
  const { ledger, content } = parts

  return async (key, options) => {
    const question: Question = {
      key,
      options,
      untilMs: parts.clock.monotonicMs() + settings.timeoutMs,
      steps: options.asking === 'explain' ? [] : undefined,
    }
    await caughtUp(key, options)
    const pin = ledger.pin(key)
    if (pin !== undefined) return answerPin(question, pin)
    if (question.steps !== undefined) note(question, 'pin', tellNoPin(parts, key))

    const reach = parts.upstream.reach(key)
    if (reach.state === 'unconfigured') {
      return unresolved(question, tellUnconfigured(key.registry), undefined)
    }
    const tag = parts.settingsOf(key)
    return answerRecent(question, tag, reach) ?? askThenRecall(question, tag, reach)
  }

  /** What a node that has just joined is asked for comes before its turn. */
  function caughtUp(key: TagReference, { signal }: ResolveOptions): Promise<unknown> | undefined {
    const catching = parts.catchUp?.(key, signal)
    return catching && inTime(catching, settings.timeoutMs * catchUpShare, signal)
  }

  async function askThenRecall(
    question: Question,
    tag: TagSettings,
    reach: Reach,
  ): Promise<Resolved | Unresolved> {
    const asked = await askOwnerOrMember(parts, question, reach, waitMs(question))
    if (asked.kind === 'answer') return answerOwner(question, asked, tag)

    const { failure, outcome } = asked
    if (!mayServe(failure, tag.policies)) {
      return unresolved(question, `${outcome}; the policy for ${failure} is deny`, failure)
    }
    if (failure !== 'denied' && failure !== 'not-found')
      parts.refreshBehind(question.key, question.options)
    const recalled = await recallFor(question, tag, settings.patienceMs)
    if (recalled !== undefined) {
      const why = parts.mode() === 'offline' ? 'mode is offline' : tellFailure(failure)
      return answer(question, { ...recalled, reason: `${recalled.reason}; ${why}` }, failure)
    }
    return unresolved(question, `${outcome}; nothing complete is held`, failure)
  }

  async function answerPin(question: Question, pin: Pin): Promise<Resolved | Unresolved> {
    const { key, options } = question
    await settling(question, pin.digest)
    const isHeld =
      content.isComplete(pin.digest) ||
      (options.asking !== 'GET' && ledger.heldByClients(key)?.digest === pin.digest) ||
      (await canBeHadFromOthers(question, pin))
    if (!isHeld) {
      note(question, 'pin', `${pin.digest} is neither complete here nor to be had from upstream`)
      return unresolved(question, `pin not held: ${pin.digest}`, undefined)
    }
    return answer(question, {
      target: content.describe(pin.digest) ?? pin,
      source: 'pin',
      reason: 'an operator pinned it',
      confirmedAtMs: pin.stamp.wallMs,
      saidBy: pin.author,
    })
  }

  /** Nodes that are late are waited for when the registry has nothing either. */
  async function canBeHadFromOthers(question: Question, pin: Pin): Promise<boolean> {
    const { key, options, untilMs } = question
    const isInReach = (ms: number) => inTime(content.isInReach(key, pin.digest), ms, options.signal)
    const leftMs = Math.max(untilMs - parts.clock.monotonicMs(), settings.timeoutMs / 10)
    const isNear = await isInReach(leftMs)
    if (isNear || (await canBeHad(question, pin))) return true
    return isNear === undefined && (await isInReach(settings.patienceMs)) === true
  }

  async function canBeHad({ key, options }: Question, pin: Pin): Promise<boolean> {
    const isAskable = parts.mode() !== 'offline' && parts.upstream.reach(key).state === 'reachable'
    if (!isAskable || content.isSuspect(pin.digest)) return false
    const fetched = parts.fetchPinned(key, pin)
    return (await inTime(fetched, settings.timeoutMs, options.signal)) ?? false
  }

  function answerRecent(
    question: Question,
    { freshForMs }: TagSettings,
    reach: Reach,
  ): Resolved | undefined {
    const slow = isSlowFor(question)
    const youngMs = slow ? Math.max(freshForMs, slowFreshMs) : freshForMs
    if (youngMs === 0) return undefined
    const last = parts.confirmationOf(question.key)
    const isYoung = last !== undefined && parts.clock.monotonicMs() - last.atMonotonicMs < youngMs
    if (!isYoung || !isUsable(last.confirmed, reach)) {
      note(question, 'memory', 'no confirmation that is young enough and can be used')
      return undefined
    }
    if (slow) parts.refreshBehind(question.key, question.options)
    const reason = slow
      ? 'confirmed a moment ago; upstream answers later than clients wait'
      : 'confirmed within freshForMs'
    return answer(question, { ...fromOwner(last.confirmed), source: 'memory', reason })
  }

  function waitMs({ options }: Question): number {
    return options.isPatient === true ? settings.upstreamTimeoutMs : settings.timeoutMs
  }

  /** A client would wait for it in vain. */
  function isSlowFor({ key, options }: Question): boolean {
    return options.isPatient !== true && parts.isSlow(key)
  }

  function isUsable({ digest }: Confirmed, reach: Reach): boolean {
    if (parts.isBlocked(digest)) return false
    return content.isComplete(digest) || (reach.state === 'reachable' && !content.isSuspect(digest))
  }

  /**
   * The owner's word is final, unless the client cannot use it (what it named could not be fetched a moment ago, or a GET wants the
   * manifest that is late) and something older can be served.
   */
  async function answerOwner(
    question: Question,
    asked: OwnersWord,
    tag: TagSettings,
  ): Promise<Resolved | Unresolved> {
    if (parts.isBlocked(asked.confirmed.digest)) return answerInsteadOf(question, asked, tag)
    const fault = faultOf(question, asked)
    if (fault !== undefined && mayServe('unreachable', tag.policies)) {
      note(question, 'upstream', `${asked.confirmed.digest} was named, but its ${fault}`)
      // Its word is better than a long wait.
      const recalled = await recallFor(question, tag, 0)
      if (recalled !== undefined) return answer(question, recalled, 'unreachable')
    }
    const source = asked.saidBy === undefined ? 'upstream' : 'peer'
    return answer(question, fromOwner(asked.confirmed, source))
  }

  /** The owner named what is blocked: what it was before it is the answer. */
  async function answerInsteadOf(
    question: Question,
    { confirmed: { digest } }: OwnersWord,
    tag: TagSettings,
  ): Promise<Resolved | Unresolved> {
    const why = `${digest} is blocked`
    note(question, 'upstream', `the registry names ${digest}, which is blocked`)
    const recalled = await recallFor(question, tag, settings.patienceMs)
    if (recalled === undefined)
      return unresolved(question, `${why}; nothing else is held`, undefined)
    return answer(question, { ...recalled, reason: `${recalled.reason}; ${why}` })
  }

  /** Why the client could not use what the owner named. */
  function faultOf({ options }: Question, { confirmed, isLate }: OwnersWord): string | undefined {
    if (content.isComplete(confirmed.digest)) return undefined
    if (isLate && options.asking === 'GET') return 'manifest is late'
    return content.isSuspect(confirmed.digest) ? 'content failed a moment ago' : undefined
  }

  /** Memory's answer. */
  async function recallFor(
    question: Question,
    { newestInRepository }: TagSettings,
    patienceMs: number,
  ): Promise<RungAnswer | undefined> {
    const { key, options } = question
    const { live } = parts.memoryOf(key)
    const coming = live && settling(question, live.digest)
    if (coming !== undefined) await coming
    const isHead = options.asking !== 'GET'
    const ask = { isHead, newestInRepository, patienceMs }
    return recall(parts, question, parts.memoryOf(key), ask)
  }

  /** What came a moment ago may still be on its way to the disk: a client's wait for that, if there is any. */
  function settling({ options, untilMs }: Question, digest: Digest): Promise<void> | undefined {
    const settled = content.isComplete(digest) ? undefined : content.settled()
    // Where upstream has used up the deadline, a moment more must do.
    const leftMs = Math.max(untilMs - parts.clock.monotonicMs(), settings.timeoutMs / 10)
    return settled && inTime(settled, leftMs, options.signal)
  }

  function answer(question: Question, rung: RungAnswer, failure?: Resolved['failure']): Resolved {
    return resolved(question, rung, ledger.trustedNowMs(), failure)
  }
}

function fromOwner(confirmed: Confirmed, source: 'upstream' | 'peer' = 'upstream'): RungAnswer {
  const to = source === 'peer' ? ' to another node' : ''
  return {
    target: confirmed,
    source,
    reason: `the registry said so${to} just now`,
    confirmedAtMs: confirmed.confirmedAtMs,
    saidBy: confirmed.endpoint,
  }
}

/** Why no pin answers. */
function tellNoPin(
  { blockedAnswer, pinState }: Pick<LadderParts, 'blockedAnswer' | 'pinState'>,
  key: TagReference,
): string {
  const pin = pinState(key)
  if (pin?.standing === 'expired' && pin.expiresAtMs !== undefined) {
    return `pinned to ${pin.target?.digest} until ${new Date(pin.expiresAtMs).toISOString()}, which is over`
  }
  const blocked = blockedAnswer(key)
  if (!blocked?.isPin) return 'no pin'
  return `pinned to ${blocked.digest}, which is blocked; \`holdfast unblock\` lifts that`
}

/** Why a registry that is not configured is not asked, with the key that would allow it. */
export function tellUnconfigured(registry: string): string {
  return `upstream ${registry} is not configured; name it under "upstreams" to have it mirrored`
}

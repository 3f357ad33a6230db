import { decodeRecord } from '../ledger/encode-record.ts'
import type { LedgerRecord, SignedRecord } from '../ledger/record.ts'
import { compareStamps, lowestStamp } from '../ledger/stamp.ts'
import type { Digest } from '../oci/digest.ts'
import { formatTag, type Repository, type TagReference } from '../oci/reference.ts'
import type { Clock } from '../ports/clock.ts'
import type { FailureClass } from '../ports/errors.ts'
import type { Log } from '../ports/log.ts'
import type { Members } from '../ports/members.ts'
import type { NodeId } from '../ports/node-id.ts'
import { type PeerClient, PeerFailure } from '../ports/peer-port.ts'
import type { TagLedger, Target } from '../ports/tag-ledger.ts'
import type { Confirmed } from './ask-upstream.ts'
import type { PeerBook } from './peer-book.ts'
import { decodeWord, encodeTagQuestion, maxWordBytes, resolveSubject } from './peer-word.ts'
import { createQuestionFlights, type Flight } from './question-flights.ts'
import type { ResolveOptions } from './resolution.ts'

/** What another node's registry said; `undefined` when no node gave an answer that can be used. */
export type MemberAnswer =
  | { readonly kind: 'answer'; readonly confirmed: Confirmed; readonly saidBy: NodeId }
  | { readonly kind: 'failed'; readonly failure: FailureClass; readonly outcome: string }
  | undefined

/** Asks members that reach a tag's registry. */
export interface AskMembers {
  /** Whether a member says it reaches this registry. */
  canAsk(registry: string): boolean
  /** One flight a question; never rejects. */
  ask(
    key: TagReference,
    options?: Pick<ResolveOptions, 'leavesRest'>,
  ): Promise<Flight<MemberAnswer>>
}

/**
 * Takes another node's observation into the ledger, after its signature was verified. `unkept`: it counts, and the ledger cannot be written
 * for now.
 */
export type TakeRecord = (record: SignedRecord) => Promise<'taken' | 'unkept' | 'refused'>

interface Parts {
  readonly members: Pick<Members, 'alive'>
  readonly client: Pick<PeerClient, 'call'>
  readonly book: Pick<PeerBook, 'order' | 'failed' | 'answered' | 'failedLately'>
  readonly ledger: Pick<TagLedger, 'live' | 'trustedNowMs'>
  readonly clock: Pick<Clock, 'monotonicMs'>
  readonly log: Log
  readonly takeRecord: TakeRecord
  /** The manifest in hand, verified, from here or from the node that named it; `undefined` when it cannot be had. */
  readonly fetchManifest: (
    repository: Repository,
    digest: Digest,
    from: NodeId,
    signal: AbortSignal,
  ) => Promise<Target | undefined>
  /** Told of every answer that is used; `isRestWanted`: whether one of those who asked wants the image whole here. */
  readonly onAnswer: (key: TagReference, confirmed: Confirmed, isRestWanted: boolean) => void
}

/**
 * Members asked about one tag, one after the other: each that cannot ask the registry either says so at once, and before they have tried
 * all but one may be such.
 */
const maxAsked = 5
/** When the first is silent for this share of the time, the second is asked, too. */
const silentShare = 1 / 2

/**
 * Asks a member that says it reaches the registry, which asks it and nobody else. Its answer is a signed observation: what is not signed,
 * is of another tag or does not count in the ledger is passed over, and so is one whose manifest cannot be had. Who gives no answer is
 * not asked for a while: what it costs a client to find that out is not to be paid with each tag.
 *
 * @param settings.timeoutMs how long a client waits
 */
export function createAskMembers(
  parts: Parts,
  settings: { readonly timeoutMs: number; readonly signal: AbortSignal },
): AskMembers {
  const { members, book, ledger, clock, log } = parts

  function reaching(registry: string): readonly NodeId[] {
    const ids = members
      .alive()
      .filter(({ upstreams }) => upstreams.includes(registry))
      .map(({ id }) => id)
    return book
      .order(ids)
      .filter(id => !book.failedLately(id))
      .slice(0, maxAsked)
  }

  const join = createQuestionFlights(formatTag, key => {
    let isRestWanted = false
    const wantRest = () => {
      isRestWanted = true
    }
    const used = (confirmed: Confirmed) => parts.onAnswer(key, confirmed, isRestWanted)
    return { answer: askAll(key, used), wantRest }
  })

  async function askAll(key: TagReference, used: Used): Promise<MemberAnswer> {
    const ending = new AbortController()
    const deadline = AbortSignal.timeout(settings.timeoutMs)
    const signal = AbortSignal.any([settings.signal, ending.signal, deadline])
    const sinceMs = clock.monotonicMs()
    const leftMs = (): number => Math.max(sinceMs + settings.timeoutMs - clock.monotonicMs(), 0)
    let before: Promise<MemberAnswer> | undefined
    const asked = reaching(key.registry).map((id, place) => {
      const turn = before && isTurn(before, place, signal).then(isNext => isNext && leftMs() > 1)
      before = askInTurn(id, turn)
      return before
    })
    try {
      return await firstOf(asked)
    } finally {
      ending.abort()
    }

    async function askInTurn(id: NodeId, turn?: Promise<boolean>): Promise<MemberAnswer> {
      if (turn !== undefined && !(await turn)) return undefined
      try {
        const answer = await askOne(id, key, leftMs(), used, signal)
        book.answered(id)
        return answer
      } catch (err) {
        const isNeeded = deadline.aborted || !signal.aborted
        if (isNeeded) blame(id, key, err, deadline.aborted)
        return undefined
      }
    }
  }

  function blame(id: NodeId, key: TagReference, err: unknown, isLate: boolean): void {
    // That it cannot ask the registry either is an answer, and a quick one.
    const isFailure = err instanceof PeerFailure && err.code !== 'absent'
    if (isLate || isFailure) book.failed(id)
    log.debug({ peer: id, ref: formatTag(key), err }, 'a node gave no answer for a tag')
  }

  /** The next one's turn: the one before gave no answer or, for the second, is silent for half of the time. */
  async function isTurn(
    before: Promise<MemberAnswer>,
    place: number,
    signal: AbortSignal,
  ): Promise<boolean> {
    if (place > 1) return (await before) === undefined
    const late = passed(settings.timeoutMs * silentShare, signal)
    return Promise.race([late, before.then(answer => (answer === undefined ? true : late))])
  }

  async function askOne(
    id: NodeId,
    key: TagReference,
    timeoutMs: number,
    used: Used,
    signal: AbortSignal,
  ): Promise<MemberAnswer> {
    const question = encodeTagQuestion(key, timeoutMs)
    const options = { signal, timeoutMs, maxBytes: maxWordBytes }
    const askedAtMs = clock.monotonicMs()
    const word = decodeWord(await parts.client.call(id, resolveSubject, question, options))
    if (word === undefined) throw new PeerFailure('protocol', `${id} answered with nonsense`)
    if (word.kind === 'failed') {
      return { kind: 'failed', failure: word.failure, outcome: `node ${id}: ${word.reason}` }
    }
    const target = await takeIn(key, word.signed)
    if (target === undefined) throw new PeerFailure('protocol', `${id} named what does not count`)
    const inHand = await parts.fetchManifest(key, target.digest, id, signal)
    if (inHand === undefined) {
      throw new PeerFailure('absent', `${target.digest} of ${id} cannot be had`)
    }
    const ageMs = word.ageMs + clock.monotonicMs() - askedAtMs
    const confirmed = {
      ...inHand,
      endpoint: id,
      confirmedAtMs: ledger.trustedNowMs() - ageMs,
    }
    used(confirmed)
    return { kind: 'answer', confirmed, saidBy: id }
  }

  /** What the record names, once the ledger answers with it, or would if it could be written. */
  async function takeIn(key: TagReference, signed: SignedRecord): Promise<Target | undefined> {
    const record = decodeRecord(signed, '')
    if (typeof record === 'string' || record.target === undefined) return undefined
    const isAnswer =
      record.kind === 'observation' && !record.removed && record.key === formatTag(key)
    const outcome = isAnswer ? await parts.takeRecord(signed) : 'refused'
    if (outcome === 'refused') return undefined
    return isNewest(key, record, outcome === 'unkept') ? record.target : undefined
  }

  /** @param isApart whether it stands beside the ledger, which does not have it */
  function isNewest(key: TagReference, { target, stamp }: LedgerRecord, isApart: boolean): boolean {
    const live = ledger.live(key)
    if (live?.digest === target?.digest) return true
    return isApart && compareStamps(stamp, live?.stamp ?? lowestStamp) > 0
  }

  return {
    canAsk: registry => reaching(registry).length > 0,
    async ask(key, { leavesRest = false } = {}) {
      const flight = await join(key)
      if (!leavesRest) flight.wantRest()
      return flight
    },
  }
}

/** Tells of an answer that is used. */
type Used = (confirmed: Confirmed) => void

/** The first answer, else the first failure. */
async function firstOf(asked: readonly Promise<MemberAnswer>[]): Promise<MemberAnswer> {
  const { promise, resolve } = Promise.withResolvers<MemberAnswer>()
  for (const one of asked) {
    one.then(answer => answer?.kind === 'answer' && resolve(answer)).catch(() => {})
  }
  const all = Promise.all(asked).then(answers => answers.find(answer => answer !== undefined))
  return Promise.race([promise, all])
}

/** `false` when the signal ended it. */
function passed(ms: number, signal: AbortSignal): Promise<boolean> {
  return new Promise(resolve => {
    const end = (): void => {
      clearTimeout(timer)
      resolve(false)
    }
    const timer = setTimeout(() => {
      signal.removeEventListener('abort', end)
      resolve(!signal.aborted)
    }, ms)
    signal.addEventListener('abort', end, { once: true })
    if (signal.aborted) end()
  })
}

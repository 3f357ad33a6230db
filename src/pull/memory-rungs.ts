import { formatTag, type Repository, type TagReference } from '../oci/reference.ts'
import type { BlockedAnswers } from '../ports/blocked-answers.ts'
import type { Clock } from '../ports/clock.ts'
import type { Observation, TagLedger } from '../ports/tag-ledger.ts'
import type { ContentView } from './content-view.ts'
import { note, type Question, type RungAnswer } from './ladder.ts'
import { inTime } from './owner-rung.ts'
import type { ResolutionSource } from './resolution.ts'

/** What is remembered of one key, read once and kept until the ledger changes it. */
export interface KeyMemory {
  readonly live: Observation | undefined
  /** Newest first, the live one included. Read when first needed: the common answer does without. */
  readonly history: () => readonly Observation[]
}

interface Parts {
  readonly ledger: Pick<TagLedger, 'heldByClients' | 'list'>
  readonly content: ContentView
  readonly clock: Pick<Clock, 'monotonicMs'>
  readonly blockedAnswer: BlockedAnswers['of']
}

/** How many tags of a repository are looked through for its newest complete image. */
const maxTagsOfRepository = 1_000

/**
 * The rungs below upstream: the newest observation if its image is complete, here or with what other nodes hold, else the newest older
 * one that is, else (for a HEAD) what clients are known to hold, else, where a rule allows it, the newest complete image of the
 * repository. Nobody else is asked about what is complete here. When all that gives nothing, nodes that have not answered yet are waited
 * for: busy machines and slow links are late, and a client takes a "not found" for final.
 */
export async function recall(
  parts: Parts,
  question: Question,
  memory: KeyMemory,
  ask: {
    readonly isHead: boolean
    readonly newestInRepository: boolean
    /** How long other nodes that were asked are waited for when nothing else can be answered, ms. */
    readonly patienceMs: number
  },
): Promise<RungAnswer | undefined> {
  const soon = createLocate(parts, question, elsewhereMs)
  const known =
    (await fromLedger(parts, question, memory, soon.locate)) ??
    (await fromHistory(question, memory, soon.locate)) ??
    fromClients(parts, question, memory, ask.isHead) ??
    (ask.newestInRepository ? fromSiblings(parts, question) : undefined)
  if (known !== undefined || ask.patienceMs === 0 || !soon.isOpen()) return known
  const { locate } = createLocate(parts, question, ask.patienceMs)
  return (
    (await fromLedger(parts, question, memory, locate)) ??
    (await fromHistory(question, memory, locate))
  )
}

/** Where an image is; `undefined`: neither here nor in reach. */
type Locate = (image: Observation) => Promise<'here' | 'in reach' | undefined>

/** However many digests are looked for elsewhere, what is here is answered within the deadline, or this where it has passed, ms. */
const elsewhereMs = 300
function createLocate({ content, clock }: Parts, question: Question, leastMs: number) {
  const { key, options } = question
  const untilMs = Math.max(question.untilMs, clock.monotonicMs() + leastMs)
  let isOpen = false
  const locate: Locate = async ({ digest, origin }) => {
    if (content.isComplete(digest)) return 'here'
    const leftMs = Math.max(untilMs - clock.monotonicMs(), 0)
    const isInReach = await inTime(content.isInReach(key, digest, origin), leftMs, options.signal)
    if (isInReach === undefined) isOpen = true
    return isInReach ? 'in reach' : undefined
  }
  /** Whether something was still looked for when the time was over. */
  return { locate, isOpen: () => isOpen }
}

async function fromLedger(
  parts: Parts,
  question: Question,
  memory: KeyMemory,
  locate: Locate,
): Promise<RungAnswer | undefined> {
  const { live } = memory
  const where = live && (await locate(live))
  if (live !== undefined && where !== undefined) {
    const by = where === 'here' ? '' : '; other nodes hold what this one does not'
    return fromObservation(live, 'ledger', `last known digest${by}`)
  }
  if (question.steps !== undefined) {
    note(question, 'ledger', tellLive(parts, question.key, memory))
  }
  return undefined
}

async function fromHistory(
  question: Question,
  { live, history }: KeyMemory,
  locate: Locate,
): Promise<RungAnswer | undefined> {
  for (const older of history()) {
    if (older.digest === live?.digest) continue
    const where = await locate(older)
    if (where === undefined) continue
    const by = where === 'here' ? 'complete here' : 'complete with what other nodes hold'
    return fromObservation(
      older,
      'history',
      `newest earlier digest that is ${by}; the last known one is not${live === undefined ? ' served' : ''}`,
    )
  }
  note(question, 'history', 'no earlier digest is complete here or in reach')
  return undefined
}

function fromClients(
  { ledger }: Parts,
  question: Question,
  { history }: KeyMemory,
  isHead: boolean,
): RungAnswer | undefined {
  const held = ledger.heldByClients(question.key)
  if (!isHead || held === undefined) {
    const outcome = isHead ? 'no client is known to hold it' : 'only a HEAD could use it'
    note(question, 'asked', outcome)
    return undefined
  }
  return {
    target: held,
    source: 'asked',
    reason:
      'clients of this node hold it: they were given it and asked for no more of it than they got',
    confirmedAtMs: history().find(o => o.digest === held.digest)?.confirmedAtMs,
    saidBy: undefined,
  }
}

function fromSiblings(parts: Parts, question: Question): RungAnswer | undefined {
  const newest = newestInRepository(parts, question.key)
  if (newest === undefined) {
    note(question, 'repository', 'no image of the repository is complete here')
    return undefined
  }
  const reason = `newest complete image of the repository, from ${newest.tag}`
  return fromObservation(newest.live, 'repository', reason)
}

function tellLive(
  { content, blockedAnswer }: Parts,
  key: TagReference,
  { live, history }: KeyMemory,
): string {
  if (live === undefined) {
    const blocked = blockedAnswer(key)
    if (blocked === undefined) {
      return history().length > 0
        ? 'what was last known of the tag is not served'
        : 'the tag was never seen'
    }
    return `nothing that is known of the tag may be served: ${blocked.digest} is blocked; \`holdfast unblock\` lifts that`
  }
  const missing = content.missingCount(live.digest)
  return missing === undefined
    ? `${live.digest} is the last known digest; its manifest is not held`
    : `${live.digest} is the last known digest; ${missing} of its blobs are not held`
}

function fromObservation(
  observation: Observation,
  source: ResolutionSource,
  reason: string,
): RungAnswer {
  const { digest, mediaType, size, confirmedAtMs, origin } = observation
  return { target: { digest, mediaType, size }, source, reason, confirmedAtMs, saidBy: origin }
}

function newestInRepository(
  { ledger, content }: Parts,
  { registry, repository }: Repository,
): { live: Observation; tag: string } | undefined {
  let newest: { live: Observation; tag: string } | undefined
  for (const { key, live } of ledger.list({ registry, repository, limit: maxTagsOfRepository })) {
    if (live === undefined || !content.isComplete(live.digest)) continue
    if (newest === undefined || newest.live.stamp.wallMs < live.stamp.wallMs) {
      newest = { live, tag: formatTag(key) }
    }
  }
  return newest
}

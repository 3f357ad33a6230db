import { formatTag, type Repository } from '../oci/reference.ts'
import type { Observation, TagLedger } from '../ports/tag-ledger.ts'
import type { ContentView } from './content-view.ts'
import { note, type Question, type RungAnswer } from './ladder.ts'
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
}

/** How many tags of a repository are looked through for its newest complete image. */
const maxTagsOfRepository = 1_000

/**
 * The rungs below upstream: the newest observation if its image is complete here, else the newest older one that is, else (for a
 * HEAD) what clients are known to hold, else, where a rule allows it, the newest complete image of the repository.
 */
export function recall(
  parts: Parts,
  question: Question,
  memory: KeyMemory,
  ask: { readonly isHead: boolean; readonly newestInRepository: boolean },
): RungAnswer | undefined {
  return (
    fromLedger(parts, question, memory) ??
    fromHistory(parts, question, memory) ??
    fromClients(parts, question, memory, ask.isHead) ??
    (ask.newestInRepository ? fromSiblings(parts, question) : undefined)
  )
}

function fromLedger(
  { content }: Parts,
  question: Question,
  { live }: KeyMemory,
): RungAnswer | undefined {
  if (live !== undefined && content.isComplete(live.digest)) {
    return fromObservation(live, 'ledger', 'last known digest')
  }
  if (question.steps !== undefined) note(question, 'ledger', tellLive(content, live))
  return undefined
}

function fromHistory(
  { content }: Parts,
  question: Question,
  { history }: KeyMemory,
): RungAnswer | undefined {
  const older = history().find(o => content.isComplete(o.digest))
  if (older === undefined) {
    note(question, 'history', 'no earlier digest is complete here')
    return undefined
  }
  const reason = 'newest earlier digest that is complete here; the last known one is not'
  return fromObservation(older, 'history', reason)
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
    reason: 'clients of this node hold it: they were given it and did not fetch its manifest',
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

function tellLive(content: ContentView, live: Observation | undefined): string {
  if (live === undefined) return 'the tag was never seen'
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

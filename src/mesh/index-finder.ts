import { LRUCache } from 'lru-cache'
import type { Digest } from '../oci/digest.ts'
import type { Clock } from '../ports/clock.ts'
import type { Holders } from '../ports/holders.ts'
import { type Members, mayAnswer } from '../ports/members.ts'
import type { NodeId } from '../ports/node-id.ts'
import { within } from '../ports/pause.ts'
import type { PeerClient } from '../ports/peer-port.ts'
import type { Timers } from '../ports/timers.ts'
import { createHolderDoubts } from './holder-doubts.ts'
import { indexSubjects } from './index-answers.ts'
import type { IndexEntries } from './index-entries.ts'
import { joinLookUps } from './index-look-ups.ts'
import { encodeLack, maxFound, shardOf } from './index-message.ts'
import { createIndexQuestions, type IndexQuestions } from './index-questions.ts'

interface Parts {
  readonly members: Pick<Members, 'self' | 'all' | 'alive' | 'get' | 'onChange'>
  readonly ownersOf: (shard: number) => readonly NodeId[]
  /** What others told this node, as an owner. */
  readonly entries: Pick<IndexEntries, 'holders' | 'drop'>
  readonly client: Pick<PeerClient, 'call'>
  readonly clock: Pick<Clock, 'monotonicMs'>
  readonly timers: Timers
  readonly random: () => number
}

interface Settings {
  readonly zone: string | undefined
  /** For a whole look-up, ms. */
  readonly budgetMs: number
  /** Ends what goes on behind. */
  readonly signal: AbortSignal
}

/** What was found is believed for so long, ms. */
const foundMs = 5_000
/** That nobody was found is believed only so long that one burst of questions asks once: what comes to be is found at once, ms. */
const notFoundMs = 100
/**
 * How long answers may take, ms: they are of use to the next who asks, and waited for when nobody else can be asked. Handshakes on busy
 * machines or over slow links take their time; who does not answer probes either is waited for no longer.
 */
const lateMs = 10_000
/** When somebody is known for every digest, the other owners' answers are waited for only so long, ms. */
const graceMs = 3
/** Nodes nearby that are asked themselves when no owner knows a holder. */
const maxAskedDirectly = 8
const maxCached = 10_000

type About = Parameters<IndexQuestions['ask']>[1]

interface Found {
  readonly holders: ReadonlySet<NodeId>
  readonly untilMs: number
}

/** Looks up who holds what, in one hop. */
export function createIndexFinder(parts: Parts, settings: Settings): Holders {
  const { members, ownersOf, entries, client, clock, timers, random } = parts
  const cache = new LRUCache<Digest, Found>({ max: maxCached })
  const doubts = createHolderDoubts({ clock })
  const questions = createIndexQuestions(parts, { ...settings, patienceMs: lateMs })

  const lookUp = joinLookUps(ask)
  /** Questions about a digest that are not answered yet. */
  const pending = new Map<Digest, Set<Promise<void>>>()

  function cached(digest: Digest): Found | undefined {
    const found = cache.get(digest)
    return found !== undefined && found.untilMs > clock.monotonicMs() ? found : undefined
  }

  function learn(digest: Digest, ids: Iterable<NodeId>): void {
    const holders = new Set(cached(digest)?.holders)
    for (const id of ids) if (id !== members.self) holders.add(id)
    const ttlMs = holders.size > 0 ? foundMs : notFoundMs
    cache.set(digest, { holders, untilMs: clock.monotonicMs() + ttlMs })
  }

  /** Who was found before and cannot be asked is forgotten. */
  function learnNobody(digest: Digest): void {
    cache.set(digest, { holders: new Set(), untilMs: clock.monotonicMs() + notFoundMs })
  }

  /** Whether there is no need to ask: somebody who was found can be asked, or a moment ago there was nobody. */
  function isAnswered(digest: Digest): boolean {
    const found = cached(digest)
    return found !== undefined && (found.holders.size === 0 || usable(digest).length > 0)
  }

  /** Live members that may be asked for it, those of the own zone first; as the last resort members in doubt, too. */
  function usable(digest: Digest, isLastResort = false): readonly NodeId[] {
    const ids = [...(cached(digest)?.holders ?? [])].filter(
      id => isThere(id, isLastResort) && doubts.isBelieved(id, digest),
    )
    const { zone } = settings
    return zone === undefined
      ? ids
      : ids.sort((a, b) => Number(isForeign(a)) - Number(isForeign(b)))
  }

  function isThere(id: NodeId, isLastResort: boolean): boolean {
    const member = members.get(id)
    if (member?.state === 'alive') return true
    return isLastResort && member !== undefined && mayAnswer(member, clock.monotonicMs())
  }

  function isForeign(id: NodeId): boolean {
    return members.get(id)?.zone !== settings.zone
  }

  async function ask(digests: readonly Digest[], saidBy: NodeId | undefined): Promise<void> {
    const missing = await askOwners(digests, saidBy)
    if (missing.length > 0) await askDirectly(missing)
    for (const digest of digests) if (!isAnswered(digest)) learnNobody(digest)
  }

  /** And who spoke of it: what it has may not have got around yet. */
  async function askOwners(
    digests: readonly Digest[],
    saidBy: NodeId | undefined,
  ): Promise<readonly Digest[]> {
    for (const digest of digests) {
      const ids = entries.holders(digest, members.self)
      if (ids.length > 0) learn(digest, ids)
    }
    const asking = [...byOwner(digests)].map(([owner, of]) => askOne(owner, 'find', of))
    if (saidBy !== undefined && members.get(saidBy)?.state === 'alive') {
      asking.push(askOne(saidBy, 'have', digests))
    }
    // One that stands still leaves time to ask others.
    await within(settings.budgetMs / 2, untilKnown(digests, asking), timers, settings.signal)
    return digests.filter(digest => usable(digest).length === 0)
  }

  function byOwner(digests: readonly Digest[]): ReadonlyMap<NodeId, readonly Digest[]> {
    const found = new Map<NodeId, Digest[]>()
    for (const digest of digests) {
      for (const owner of ownersOf(shardOf(digest))) {
        if (owner !== members.self) found.set(owner, [...(found.get(owner) ?? []), digest])
      }
    }
    return found
  }

  /** Others may hold what no owner was told yet; owners have answered for themselves. */
  async function askDirectly(digests: readonly Digest[]): Promise<void> {
    const isOwner = (id: NodeId) => digests.every(of => ownersOf(shardOf(of)).includes(id))
    const near = members
      .alive()
      .filter(({ id }) => !isOwner(id))
      .map(({ id, isNeighbour }) => ({
        id,
        rank: Number(!isNeighbour) + Number(isForeign(id)) + random(),
      }))
      .sort((a, b) => a.rank - b.rank)
      .slice(0, maxAskedDirectly)
    await untilKnown(
      digests,
      near.map(({ id }) => askOne(id, 'have', digests)),
    )
  }

  function askOne(id: NodeId, about: About, digests: readonly Digest[]): Promise<void> {
    const work = learnFrom(id, about, digests).finally(() => {
      for (const digest of digests) {
        const left = pending.get(digest)
        left?.delete(work)
        if (left?.size === 0) pending.delete(digest)
      }
    })
    for (const digest of digests) {
      pending.set(digest, (pending.get(digest) ?? new Set()).add(work))
    }
    return work
  }

  async function learnFrom(id: NodeId, about: About, digests: readonly Digest[]): Promise<void> {
    for (const [at, ids] of (await questions.ask(id, about, digests)).entries()) {
      const digest = digests[at]
      if (digest === undefined) continue
      if (ids.length > 0) learn(digest, ids)
      else if (about === 'have') forget(id, digest)
    }
  }

  /** Settles when all have answered, or a moment after there is a holder to ask for every digest. */
  function untilKnown(
    digests: readonly Digest[],
    work: readonly Promise<void>[],
    isLastResort = false,
  ): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>()
    const isKnown = () => digests.every(digest => usable(digest, isLastResort).length > 0)
    let stop: (() => void) | undefined
    for (const one of work) {
      one
        .then(() => {
          if (stop === undefined && isKnown()) stop = timers.after(graceMs, resolve)
        })
        .catch(() => {})
    }
    Promise.all(work)
      .then(() => resolve())
      .catch(() => resolve())
    return promise.finally(() => stop?.())
  }

  function reportLack(id: NodeId, digest: Digest): void {
    const { signal, budgetMs } = settings
    const question = encodeLack(id, digest)
    for (const owner of ownersOf(shardOf(digest))) {
      if (owner === members.self) entries.drop(id, digest)
      else if (owner !== id) {
        const options = { signal, timeoutMs: budgetMs * 100 }
        client.call(owner, indexSubjects.lacks, question, options).catch(() => {})
      }
    }
  }

  /**
   * Asks those in doubt, too, and waits for whoever has not answered, until there is somebody for every digest, of those in doubt if
   * `mayDoubt`.
   */
  async function waitForLate(
    digests: readonly Digest[],
    patienceMs: number,
    mayDoubt: boolean,
    signal: AbortSignal,
  ): Promise<void> {
    const missing = digests.filter(digest => usable(digest, mayDoubt).length === 0)
    if (missing.length === 0 || signal.aborted) return
    for (const id of doubtful(missing)) void askOne(id, 'have', missing)
    const late = new Set(missing.flatMap(digest => [...(pending.get(digest) ?? [])]))
    await within(patienceMs, untilKnown(missing, [...late], mayDoubt), timers, signal)
  }

  /** Members in doubt that may answer, those first that are said to hold something of it. */
  function doubtful(digests: readonly Digest[]): readonly NodeId[] {
    const named = new Set(digests.flatMap(digest => [...(cached(digest)?.holders ?? [])]))
    return members
      .all()
      .filter(({ id, state }) => state === 'suspect' && isThere(id, true))
      .map(({ id }) => id)
      .sort((a, b) => Number(named.has(b)) - Number(named.has(a)))
      .slice(0, maxAskedDirectly)
  }

  return {
    async find(digests, signal, { patienceMs = 0, mustAnswer = false, saidBy } = {}) {
      const wanted = [...new Set(digests)].slice(0, maxFound)
      const unknown = wanted.filter(digest => isUnknown(digest, saidBy))
      const isAlone = members.alive().length === 0
      if (unknown.length > 0 && !isAlone && !signal.aborted) {
        await within(settings.budgetMs, lookUp(unknown, saidBy), timers, signal)
      }
      const mayDoubt = patienceMs > 0 && !mustAnswer
      if (patienceMs > 0) await waitForLate(wanted, patienceMs, mayDoubt, signal)
      const found = wanted.map(digest => [digest, usable(digest, mayDoubt)] as const)
      return new Map(found.filter(([, ids]) => ids.length > 0))
    },
    lacks(id, digest) {
      doubts.lacked(id, digest)
      forget(id, digest)
      reportLack(id, digest)
    },
    lied(id, digest) {
      doubts.lied(id, digest)
      forget(id, digest)
    },
  }

  /** That nobody was found says nothing of who was not asked. */
  function isUnknown(digest: Digest, saidBy: NodeId | undefined): boolean {
    return !isAnswered(digest) || (saidBy !== undefined && usable(digest).length === 0)
  }

  /** What else was found stays; when nobody is left, it is looked up anew at once. */
  function forget(id: NodeId, digest: Digest): void {
    const found = cache.get(digest)
    if (found?.holders.has(id) !== true) return
    const holders = new Set(found.holders)
    holders.delete(id)
    if (holders.size === 0) cache.delete(digest)
    else cache.set(digest, { ...found, holders })
  }
}

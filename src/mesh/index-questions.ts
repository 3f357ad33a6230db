import { LRUCache } from 'lru-cache'
import type { Digest } from '../oci/digest.ts'
import type { Clock } from '../ports/clock.ts'
import { type Members, mayAnswer } from '../ports/members.ts'
import type { NodeId } from '../ports/node-id.ts'
import { type PeerClient, PeerFailure } from '../ports/peer-port.ts'
import { indexSubjects } from './index-answers.ts'
import { decodeHolders, encodeDigests, maxTold } from './index-message.ts'

/** Questions to other nodes about who holds what. */
export interface IndexQuestions {
  /** Asks an owner of the digests' shards, or a node what it holds itself; gives holders of each, in order. Empty when it does not answer. */
  ask(
    id: NodeId,
    about: 'find' | 'have',
    digests: readonly Digest[],
  ): Promise<readonly (readonly NodeId[])[]>
}

/** So long a node that was waited for in vain gets only a moment, ms: it may answer probes and nothing else. */
const impatientMs = 60_000
const momentMs = 500
const maxRemembered = 1_000

/**
 * Answers are waited for while there is hope: not from a node that has been found out to be silent, and not twice in a row for long.
 *
 * @param settings.patienceMs for one answer. `settings.signal`: ends all that is under way
 */
export function createIndexQuestions(
  parts: {
    readonly members: Pick<Members, 'get' | 'onChange'>
    readonly client: Pick<PeerClient, 'call'>
    readonly clock: Pick<Clock, 'monotonicMs'>
  },
  settings: { readonly patienceMs: number; readonly signal: AbortSignal },
): IndexQuestions {
  const { members, client, clock } = parts
  const { patienceMs, signal } = settings
  const waiting = new Map<AbortController, NodeId>()
  /** Who let us wait for all of the patience, and when that was. */
  const inVain = new LRUCache<NodeId, number>({ max: maxRemembered })
  const stopListening = members.onChange(giveUpSilent)
  signal.addEventListener('abort', stopListening, { once: true })

  function giveUpSilent(): void {
    for (const [given, id] of waiting) {
      const member = members.get(id)
      if (member === undefined || !mayAnswer(member, clock.monotonicMs())) given.abort()
    }
  }

  function patienceWith(id: NodeId): number {
    const sinceMs = clock.monotonicMs() - (inVain.get(id) ?? Number.NEGATIVE_INFINITY)
    return sinceMs < impatientMs ? momentMs : patienceMs
  }

  function noteFailure(id: NodeId, error: unknown): void {
    const isLate = error instanceof PeerFailure && error.code === 'timeout'
    if (isLate && patienceWith(id) === patienceMs) inVain.set(id, clock.monotonicMs())
  }

  return {
    async ask(id, about, digests) {
      const given = new AbortController()
      waiting.set(given, id)
      try {
        const ends = AbortSignal.any([signal, given.signal])
        const options = { signal: ends, timeoutMs: patienceWith(id) }
        const answer = await client.call(id, indexSubjects[about], encodeDigests(digests), options)
        inVain.delete(id)
        const told = decodeHolders(answer, digests.length) ?? []
        const isItself = (other: NodeId): boolean => about === 'find' || other === id
        return told.map(ids => ids.filter(isItself).slice(0, maxTold))
      } catch (error) {
        noteFailure(id, error)
        return []
      } finally {
        waiting.delete(given)
      }
    },
  }
}

import { LRUCache } from 'lru-cache'
import { formatRepository, formatTag, type TagReference } from '../oci/reference.ts'
import type { Clock } from '../ports/clock.ts'
import type { Observation, TagLedger } from '../ports/tag-ledger.ts'
import type { Confirmed } from './ask-upstream.ts'
import type { KeyMemory } from './memory-rungs.ts'

/** This node's last confirmation of a tag by its owner, on the clock that never jumps. */
export interface Confirmation {
  readonly confirmed: Confirmed
  readonly atMonotonicMs: number
}

/** What resolution keeps at hand in front of the ledger. */
export interface TagMemory {
  memoryOf(key: TagReference): KeyMemory
  confirmationOf(key: TagReference): Confirmation | undefined
  /** The repository's owner answers, but later than clients wait. */
  isSlow(key: TagReference): boolean
  /** The owner answered after `tookMs`. Says whether that made its repository slow: one more question will tell whether it stays so. */
  learn(key: TagReference, confirmed: Confirmed, tookMs: number): boolean
  close(): void
}

/**
 * Caches in front of the ledger, emptied key by key as the ledger changes, and as a whole when other records count.
 *
 * @param settings `timeoutMs`: an answer that took longer makes its repository slow, one in time ends that
 */
export function createTagMemory(
  { ledger, clock }: { readonly ledger: TagLedger; readonly clock: Clock },
  settings: { readonly timeoutMs: number; readonly maxTags: number },
): TagMemory {
  const memories = new LRUCache<string, KeyMemory>({ max: settings.maxTags })
  const confirmations = new LRUCache<string, Confirmation>({ max: settings.maxTags })
  const slow = new LRUCache<string, true>({ max: 1_000 })
  const stops = [
    ledger.onChanged(key => {
      memories.delete(formatTag(key))
      // Forgotten: what was confirmed before says nothing any more.
      if (ledger.live(key) === undefined) confirmations.delete(formatTag(key))
    }),
    ledger.onExclusions(() => {
      memories.clear()
      confirmations.clear()
    }),
  ]

  function read(key: TagReference): KeyMemory {
    let history: readonly Observation[] | undefined
    return {
      live: ledger.live(key),
      history: () => {
        history ??= ledger.history(key)
        return history
      },
    }
  }

  return {
    memoryOf(key) {
      const name = formatTag(key)
      let memory = memories.get(name)
      if (memory === undefined) {
        memory = read(key)
        memories.set(name, memory)
      }
      return memory
    },
    confirmationOf: key => confirmations.get(formatTag(key)),
    isSlow: key => slow.size > 0 && slow.has(formatRepository(key)),
    learn(key, confirmed, tookMs) {
      const name = formatTag(key)
      memories.delete(name) // the ledger remembers a confirmation without calling it a change
      confirmations.set(name, { confirmed, atMonotonicMs: clock.monotonicMs() })
      const repository = formatRepository(key)
      if (tookMs <= settings.timeoutMs) {
        slow.delete(repository)
        return false
      }
      const isNew = !slow.has(repository)
      slow.set(repository, true)
      return isNew
    },
    close() {
      for (const stop of stops) stop()
    },
  }
}

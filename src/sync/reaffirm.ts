import type { Log } from '../ports/log.ts'
import type { RecordStore } from '../ports/record-store.ts'
import type { Timers } from '../ports/timers.ts'

/** Many nodes may know better than the record that came: the first one that says so spares the others. ms. */
const spreadMs = 5_000

/** Keys that wait; beyond it the next ones are said at once. */
const maxWaiting = 10_000

/**
 * Says again what this node confirmed with the tag's owner later than what another node's record says, so that a rollback seen by one
 * side of a partition does not lose to what the other side saw before. Once per record that takes the place, and only if it is still
 * needed when its time comes.
 */
export function startReaffirming(parts: {
  readonly store: Pick<RecordStore, 'onBeaten' | 'reaffirm'>
  readonly timers: Timers
  readonly random: () => number
  readonly log: Log
}): () => void {
  const waiting = new Map<string, () => void>()

  function reaffirm(key: string): void {
    waiting.delete(key)
    parts.store.reaffirm(key).catch(err => parts.log.debug({ ref: key, err }, 'not said again'))
  }

  const stop = parts.store.onBeaten(key => {
    if (waiting.has(key)) return
    if (waiting.size >= maxWaiting) reaffirm(key)
    else
      waiting.set(
        key,
        parts.timers.after(parts.random() * spreadMs, () => reaffirm(key)),
      )
  })

  return () => {
    stop()
    for (const cancel of waiting.values()) cancel()
    waiting.clear()
  }
}

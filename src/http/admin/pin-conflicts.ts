import type { PinEvent } from '../../ports/pin-book.ts'

/**
 * Of each word on a pin those that were said without knowing of it, nor it of them. The later of two is marked as a conflict, with the
 * newest word of another node before it; both are told of it.
 *
 * @param history newest first
 */
export function conflictsOf(history: readonly PinEvent[]): readonly (readonly PinEvent[])[] {
  const conflicts: PinEvent[][] = history.map(() => [])
  for (const [later, event] of history.entries()) {
    if (!event.isConflict) continue
    const earlier = history.findIndex(({ origin }, at) => at > later && origin !== event.origin)
    const other = history[earlier]
    if (other === undefined) continue
    conflicts[later]?.push(other)
    conflicts[earlier]?.push(event)
  }
  return conflicts
}

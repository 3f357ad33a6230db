import type { PinEvent } from '../../ports/pin-book.ts'

/**
 * Of each word on a pin those that were said without knowing of it, nor it of them. The later of two is marked as a conflict, with the
 * newest word of another node before it; both are told of it. Who said the same digest contradicts nobody.
 *
 * @param history newest first
 */
export function conflictsOf(history: readonly PinEvent[]): readonly (readonly PinEvent[])[] {
  const conflicts: PinEvent[][] = history.map(() => [])
  for (const [later, event] of history.entries()) {
    if (!event.isConflict) continue
    const earlier = otherOf(history, later)
    const other = history[earlier]
    if (other === undefined || other.digest === event.digest) continue
    conflicts[later]?.push(other)
    conflicts[earlier]?.push(event)
  }
  return conflicts
}

/** Whether a word stands against another one, be that remembered or not. @param conflicts of the same history */
export const isContradicted = (
  history: readonly PinEvent[],
  conflicts: readonly (readonly PinEvent[])[],
  at: number,
): boolean =>
  (conflicts[at]?.length ?? 0) > 0 ||
  (history[at]?.isConflict === true && otherOf(history, at) === -1)

/** Place of the newest word of another node before one; -1: none is remembered. */
const otherOf = (history: readonly PinEvent[], later: number): number =>
  history.findIndex(({ origin }, at) => at > later && origin !== history[later]?.origin)

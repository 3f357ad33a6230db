import type { Exclusions, KeyState, PinnedTarget } from './key-state.ts'
import type { LedgerRecord } from './record.ts'
import { compareStamps, type Stamp } from './stamp.ts'

/**
 * The pin in force at `nowMs` (trusted time). Only the newest word of an unbanned origin counts: behind a tombstone, an expired pin
 * or a blocked digest lies no older pin that would come back to life.
 */
export function pinInForce(
  state: KeyState,
  exclusions: Exclusions,
  nowMs: number,
): PinnedTarget | undefined {
  const newest = state.pins.find(record => !exclusions.isBanned(record.origin))
  if (newest?.target === undefined || newest.removed) return undefined
  if (exclusions.isBlocked(newest.target.digest)) return undefined
  const { note, author, expiresAtMs } = newest.details
  if (expiresAtMs !== undefined && expiresAtMs <= nowMs) return undefined
  return { ...newest.target, stamp: newest.stamp, note, author, expiresAtMs }
}

/**
 * Whether a pin (or its removal) was set without knowing of what another node said before it: two operators at once. It names what it
 * was set over.
 *
 * @param before stamp of the newest pin of another origin before it, whichever of the two arrived first
 */
export function isConcurrentPin(
  { details: { over } }: Pick<LedgerRecord, 'details'>,
  before: Stamp | undefined,
): boolean {
  return before !== undefined && (over === undefined || compareStamps(over, before) < 0)
}

/**
 * Pins ahead of what is believed that a believed one puts an end to: it is their origin's own word under the right clock, or was set
 * over them. Until then they stay in force.
 */
export function endedBy(
  pin: LedgerRecord,
  held: readonly LedgerRecord[],
  believeUntilMs: number,
): readonly LedgerRecord[] {
  if (pin.kind !== 'pin' || pin.stamp.wallMs > believeUntilMs) return []
  const { over } = pin.details
  return held.filter(
    ({ stamp, origin }) =>
      stamp.wallMs > believeUntilMs &&
      (origin === pin.origin || (over !== undefined && compareStamps(over, stamp) >= 0)),
  )
}

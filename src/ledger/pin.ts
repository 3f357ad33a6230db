import type { Exclusions, KeyState, PinnedTarget } from './key-state.ts'
import type { LedgerRecord } from './record.ts'
import { compareStamps } from './stamp.ts'

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
 * Whether a pin (or its removal) and the one that stood there when it arrived were made without knowing of each other: two
 * operators at once. The newer one names what it was set over.
 */
export function isConcurrentPin(pin: LedgerRecord, stood: LedgerRecord | undefined): boolean {
  if (stood === undefined) return false
  const [newer, older] = compareStamps(pin.stamp, stood.stamp) >= 0 ? [pin, stood] : [stood, pin]
  const { over } = newer.details
  return over === undefined || compareStamps(over, older.stamp) < 0
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

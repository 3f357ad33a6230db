import type { Decider, Operation } from './key-operation.ts'
import type { KeyChange, KeyState } from './key-state.ts'
import { operatorRecord } from './own-record.ts'
import { endedBy } from './pin.ts'
import { newestStamp, type Stamp, stampAfter } from './stamp.ts'

/** What setting a pin does. */
export function decidePin(
  state: KeyState,
  key: string,
  { target, note, author, expiresAtMs, atMs, believeUntilMs }: Operation<'pin'>,
  { origin }: Decider,
): KeyChange {
  const details = { note, author, expiresAtMs, over: newestOfOthers(state.pins, origin) }
  const stamp = pinStamp(state, atMs, believeUntilMs)
  const pin = operatorRecord('pin', key, target, origin, stamp, false, details)
  return { records: [pin], ended: endedBy(pin, state.pins, believeUntilMs) }
}

/**
 * What a pin tells that it was set over: the newest word of somebody else. Its own origin's word before it may never have reached others,
 * so that it would prove nothing of theirs.
 */
function newestOfOthers(pins: KeyState['pins'], origin: string): Stamp | undefined {
  return pins.find(pin => pin.origin !== origin)?.stamp
}

/** After every pin that is believed: what is set over a pin of a wrong clock does not take its time over. */
function pinStamp(state: KeyState, atMs: number, believeUntilMs: number): Stamp {
  const believed = state.pins.filter(({ stamp }) => stamp.wallMs <= believeUntilMs)
  return stampAfter(atMs, newestStamp(believed.map(({ stamp }) => stamp)))
}

/** What removing it does. */
export function decideUnpin(
  state: KeyState,
  key: string,
  { author, atMs, believeUntilMs }: Operation<'unpin'>,
  { origin }: Decider,
): KeyChange | undefined {
  const newest = state.pins[0]
  if (newest === undefined || newest.removed) return undefined
  const details = { author, over: newestOfOthers(state.pins, origin) }
  const stamp = pinStamp(state, atMs, believeUntilMs)
  const pin = operatorRecord('pin', key, undefined, origin, stamp, true, details)
  return { records: [pin], ended: endedBy(pin, state.pins, believeUntilMs) }
}

/** Hybrid time of a record: wall clock (ms since the epoch) and a counter for equal walls. Ordered by wall, then counter. */
export interface Stamp {
  readonly wallMs: number
  readonly counter: number
}

/** How far ahead of trusted time a stamp may lie and still be believed, ms. */
export const maxAheadMs = 5 * 60_000

/** Below every other stamp: an image found in containerd fills an empty key with it and never competes. */
export const lowestStamp: Stamp = { wallMs: 0, counter: 0 }

/** The counter has 16 bits on the wire; a full one carries into the wall. */
const maxCounter = 0xffff

/** Negative when `a` is older, positive when it is newer, 0 when they are equal. */
export function compareStamps(a: Stamp, b: Stamp): number {
  return a.wallMs - b.wallMs || a.counter - b.counter
}

/** The newest of several, `undefined` of none. */
export function newestStamp(stamps: readonly (Stamp | undefined)[]): Stamp | undefined {
  let newest: Stamp | undefined
  for (const stamp of stamps) {
    if (stamp !== undefined && (newest === undefined || compareStamps(stamp, newest) > 0)) {
      newest = stamp
    }
  }
  return newest
}

/** The stamp of an event at `wallMs` that knows of `base`: the wall clock where it is ahead, else the next after `base`. */
export function stampAfter(wallMs: number, base: Stamp | undefined): Stamp {
  if (base === undefined || wallMs > base.wallMs) return { wallMs, counter: 0 }
  return base.counter < maxCounter
    ? { wallMs: base.wallMs, counter: base.counter + 1 }
    : { wallMs: base.wallMs + 1, counter: 0 }
}

import { type Sighting, sightingOf } from './history.ts'
import { type Exclusions, type KeyChange, type KeyState, liveRecord } from './key-state.ts'
import { endedBy } from './pin.ts'
import type { LedgerRecord, ObservationSource, RecordTarget } from './record.ts'
import {
  compareStamps,
  lowestStamp,
  maxAheadMs,
  newestStamp,
  type Stamp,
  stampAfter,
} from './stamp.ts'

/** An unchanged observation is signed anew only when its record is older than this: gossip stays quiet. */
export const restampAfterMs = 6 * 3_600_000

/** A use is written at most once per key in this time. */
export const useEveryMs = 7 * 86_400_000

const dayMs = 86_400_000

/** One thing that happens to one key. Times in ms since the epoch; `atMs` is trusted time. */
export type KeyOperation = { readonly atMs: number } & (
  | {
      readonly type: 'upstream'
      readonly target: RecordTarget
      /** The stamp that was live when the question was sent. */
      readonly asked: Stamp | undefined
      /** A later question of this node was answered before: this answer may be remembered, but no longer decides. */
      readonly isLate: boolean
      /** The wall part of a new record: see {@link answerTime}. */
      readonly wallMs: number
      /** Stamps beyond this are not believed, hence not built upon. */
      readonly believeUntilMs: number
    }
  | {
      readonly type: 'local'
      readonly target: RecordTarget
      readonly source: Exclude<ObservationSource, 'upstream'>
      readonly believeUntilMs: number
    }
  | {
      readonly type: 'pin'
      readonly target: RecordTarget
      readonly note: string | undefined
      readonly author: string | undefined
      readonly expiresAtMs: number | undefined
      readonly believeUntilMs: number
    }
  | {
      readonly type: 'unpin'
      readonly author: string | undefined
      readonly believeUntilMs: number
    }
  | { readonly type: 'use' }
  | {
      /** Says again what the tag's owner confirmed later than what stands now. */
      readonly type: 'reaffirm'
      readonly believeUntilMs: number
    }
  | { readonly type: 'held'; readonly target: RecordTarget }
)

/** Who decides, and whom he does not believe. */
export interface Decider {
  /** This node's public key, hex. */
  readonly origin: string
  readonly exclusions: Exclusions
}

/** What an operation does to a key in this state; `undefined` when nothing. Pure: the same everywhere it is asked. */
export function decide(
  state: KeyState,
  key: string,
  operation: KeyOperation,
  decider: Decider,
): KeyChange | undefined {
  switch (operation.type) {
    case 'upstream':
      return decideUpstream(state, key, operation, decider)
    case 'local':
      return decideLocal(state, key, operation, decider)
    case 'pin':
      return decidePin(state, key, operation, decider)
    case 'unpin':
      return decideUnpin(state, key, operation, decider)
    case 'use':
      return decideUse(state, key, operation.atMs, decider)
    case 'reaffirm':
      return decideReaffirm(state, key, operation, decider)
    case 'held':
      return { held: operation.target }
  }
}

type Operation<T extends KeyOperation['type']> = Extract<KeyOperation, { readonly type: T }>

function decideUpstream(
  state: KeyState,
  key: string,
  operation: Operation<'upstream'>,
  { origin, exclusions }: Decider,
): KeyChange | undefined {
  const { target, wallMs, atMs, asked } = operation
  const live = liveRecord(state, exclusions)
  const isUnchanged = live?.target.digest === target.digest
  // Ages are counted in this node's time: a Date far from it (possible until it is verified) would make them absurd.
  const confirmedMs = Math.abs(wallMs - atMs) <= maxAheadMs ? wallMs : atMs
  const seen = (stamp: Stamp, confirmed: number | undefined): Sighting => ({
    target,
    origin,
    source: 'upstream',
    stamp,
    firstSeenMs: atMs,
    lastSeenMs: atMs,
    confirmedMs: confirmed,
  })
  if (operation.isLate && !isUnchanged) return { sighting: seen(asked ?? lowestStamp, undefined) }
  if (live !== undefined && isUnchanged && wallMs - live.stamp.wallMs <= restampAfterMs) {
    const confirmed = seen(live.stamp, confirmedMs)
    return isNews(state, confirmed) ? { sighting: confirmed } : undefined
  }
  const record = observation(
    key,
    target,
    'upstream',
    origin,
    upstreamStamp(state, operation, origin),
  )
  return { records: [record], sighting: sightingOf(record, target, atMs, confirmedMs) }
}

/** A tag asked for many times a second is confirmed once: Dates have no finer grain. */
function isNews(state: KeyState, seen: Sighting): boolean {
  const known = state.sightings.find(
    s => s.origin === seen.origin && s.target.digest === seen.target.digest,
  )
  if (known?.confirmedMs === undefined || seen.confirmedMs === undefined) return true
  return seen.confirmedMs > known.confirmedMs || seen.lastSeenMs - known.lastSeenMs >= 1_000
}

/**
 * Greater than what was live when the question was sent, and than what this node's earlier questions brought; what came from
 * elsewhere meanwhile is compared by time alone. A base that trusted time does not believe is not built upon: the poison would
 * live on in its successor.
 */
function upstreamStamp(
  state: KeyState,
  { wallMs, asked, believeUntilMs }: Operation<'upstream'>,
  origin: string,
): Stamp {
  const own = state.observations.find(record => record.origin === origin)
  const earlier = own?.source === 'upstream' ? own.stamp : undefined
  const isBelieved = (stamp: Stamp | undefined) => !stamp || stamp.wallMs <= believeUntilMs
  // What was live then was ours, most likely, and is corrected by now.
  const base = isBelieved(asked) ? asked : own?.stamp
  const believed = [base, earlier].filter(isBelieved)
  const stamp = stampAfter(wallMs, newestStamp(believed))
  // A push or import of ours in the same millisecond: one origin never uses a stamp twice.
  const isTaken = own !== undefined && compareStamps(own.stamp, stamp) === 0
  return isTaken ? stampAfter(stamp.wallMs, stamp) : stamp
}

/**
 * This node's own confirmation that is newer than the record which stands and says another digest. A rollback upstream that only one
 * side of a partition saw must not lose to what the other side saw before it.
 */
export function beatenConfirmation(
  state: KeyState,
  { origin, exclusions }: Decider,
): (Sighting & { readonly confirmedMs: number }) | undefined {
  const live = liveRecord(state, exclusions)
  if (live === undefined || exclusions.isBanned(origin)) return undefined
  let newest: (Sighting & { readonly confirmedMs: number }) | undefined
  for (const sighting of state.sightings) {
    const { confirmedMs } = sighting
    if (confirmedMs === undefined || sighting.origin !== origin) continue
    if (confirmedMs > (newest?.confirmedMs ?? live.stamp.wallMs)) {
      newest = { ...sighting, confirmedMs }
    }
  }
  if (newest === undefined || newest.target.digest === live.target.digest) return undefined
  return exclusions.isBlocked(newest.target.digest) ? undefined : newest
}

function decideReaffirm(
  state: KeyState,
  key: string,
  { believeUntilMs }: Operation<'reaffirm'>,
  decider: Decider,
): KeyChange | undefined {
  const beaten = beatenConfirmation(state, decider)
  if (beaten === undefined || beaten.confirmedMs > believeUntilMs) return undefined
  const stamp = stampAfter(beaten.confirmedMs, undefined)
  return { records: [observation(key, beaten.target, 'upstream', decider.origin, stamp)] }
}

function decideLocal(
  state: KeyState,
  key: string,
  { target, source, atMs, believeUntilMs }: Operation<'local'>,
  { origin, exclusions }: Decider,
): KeyChange | undefined {
  if (source === 'containerd') {
    if (state.observations.length > 0) return undefined
    const found = observation(key, target, source, origin, lowestStamp)
    // Its stamp says nothing about its age, so the use keeps it from ageing out at once.
    const use = decideUse(state, key, atMs, { origin, exclusions })?.records ?? []
    return { records: [found, ...use], sighting: sightingOf(found, target, atMs, undefined) }
  }
  const newest = state.observations.find(record => record.stamp.wallMs <= believeUntilMs)
  const live = liveRecord(state, exclusions)
  if (live?.target.digest === target.digest && atMs - live.stamp.wallMs <= restampAfterMs) {
    return { sighting: sightingOf(live, live.target, atMs, undefined) }
  }
  const record = observation(key, target, source, origin, stampAfter(atMs, newest?.stamp))
  return { records: [record], sighting: sightingOf(record, target, atMs, undefined) }
}

function observation(
  key: string,
  target: RecordTarget,
  source: ObservationSource,
  origin: string,
  stamp: Stamp,
): LedgerRecord {
  return {
    kind: 'observation',
    key,
    target,
    stamp,
    source,
    origin,
    removed: false,
    details: {},
    signed: undefined,
  }
}

function decidePin(
  state: KeyState,
  key: string,
  { target, note, author, expiresAtMs, atMs, believeUntilMs }: Operation<'pin'>,
  { origin }: Decider,
): KeyChange {
  const details = { note, author, expiresAtMs, over: state.pins[0]?.stamp }
  const stamp = pinStamp(state, atMs, believeUntilMs)
  const pin = operatorRecord('pin', key, target, origin, stamp, false, details)
  return { records: [pin], ended: endedBy(pin, state.pins, believeUntilMs) }
}

/** After every pin that is believed: what is set over a pin of a wrong clock does not take its time over. */
function pinStamp(state: KeyState, atMs: number, believeUntilMs: number): Stamp {
  const believed = state.pins.filter(({ stamp }) => stamp.wallMs <= believeUntilMs)
  return stampAfter(atMs, newestStamp(believed.map(({ stamp }) => stamp)))
}

function decideUnpin(
  state: KeyState,
  key: string,
  { author, atMs, believeUntilMs }: Operation<'unpin'>,
  { origin }: Decider,
): KeyChange | undefined {
  const newest = state.pins[0]
  if (newest === undefined || newest.removed) return undefined
  const details = { author, over: newest.stamp }
  const stamp = pinStamp(state, atMs, believeUntilMs)
  const pin = operatorRecord('pin', key, undefined, origin, stamp, true, details)
  return { records: [pin], ended: endedBy(pin, state.pins, believeUntilMs) }
}

function decideUse(
  state: KeyState,
  key: string,
  atMs: number,
  { origin }: Decider,
): KeyChange | undefined {
  const newest = state.uses[0]
  if (newest !== undefined && newest.stamp.wallMs > atMs - useEveryMs) return undefined
  // The day alone, so that holders of one day say the same.
  const wallMs = atMs - (atMs % dayMs)
  const stamp = stampAfter(wallMs, undefined)
  return { records: [operatorRecord('use', key, undefined, origin, stamp, false, {})] }
}

/** A record of a kind that has no source: pins, uses, and what operators say. */
export function operatorRecord(
  kind: LedgerRecord['kind'],
  key: string,
  target: RecordTarget | undefined,
  origin: string,
  stamp: Stamp,
  removed: boolean,
  details: LedgerRecord['details'],
): LedgerRecord {
  return {
    kind,
    key,
    target,
    stamp,
    source: undefined,
    origin,
    removed,
    details,
    signed: undefined,
  }
}

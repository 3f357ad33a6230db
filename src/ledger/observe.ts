import { type Sighting, sightingOf } from './history.ts'
import type { Decider, Operation } from './key-operation.ts'
import { forgottenUntil, type KeyChange, type KeyState, liveRecord } from './key-state.ts'
import { observation, operatorRecord } from './own-record.ts'
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

/** What an answer of the tag's owner does. */
export function decideUpstream(
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
 * This node's own confirmation that is newer than the record which stands and says another digest, or that the tag is to be forgotten. A
 * rollback upstream that only one side of a partition saw must not lose to what the other side saw before it.
 */
export function beatenConfirmation(
  state: KeyState,
  { origin, exclusions }: Decider,
): (Sighting & { readonly confirmedMs: number }) | undefined {
  const live = liveRecord(state, exclusions)
  const beating = live?.stamp ?? forgottenUntil(state, exclusions)
  if (beating === undefined || exclusions.isBanned(origin)) return undefined
  const newest = confirmedAfter(beating.wallMs, state, origin)
  if (newest === undefined || newest.target.digest === live?.target.digest) return undefined
  return exclusions.isBlocked(newest.target.digest) ? undefined : newest
}

/** The newest of this node's own confirmations that are later than that. */
function confirmedAfter(
  ms: number,
  { sightings }: KeyState,
  origin: string,
): (Sighting & { readonly confirmedMs: number }) | undefined {
  let newest: (Sighting & { readonly confirmedMs: number }) | undefined
  for (const sighting of sightings) {
    const { confirmedMs } = sighting
    if (confirmedMs === undefined || sighting.origin !== origin) continue
    if (confirmedMs > (newest?.confirmedMs ?? ms)) newest = { ...sighting, confirmedMs }
  }
  return newest
}

/** What saying again does. */
export function decideReaffirm(
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

/** What an import, a push or a find in containerd does. */
export function decideLocal(
  state: KeyState,
  key: string,
  { target, source, atMs, believeUntilMs }: Operation<'local'>,
  { origin, exclusions }: Decider,
): KeyChange | undefined {
  if (source === 'containerd') {
    if (state.observations.length > 0 || state.forgets.length > 0) return undefined
    const found = observation(key, target, source, origin, lowestStamp)
    // Its stamp says nothing about its age, so the use keeps it from ageing out at once.
    const use = decideUse(state, key, atMs, { origin, exclusions })?.records ?? []
    return { records: [found, ...use], sighting: sightingOf(found, target, atMs, undefined) }
  }
  const newest = newestStamp(
    [...state.observations, ...state.forgets]
      .map(({ stamp }) => stamp)
      .filter(({ wallMs }) => wallMs <= believeUntilMs),
  )
  const live = liveRecord(state, exclusions)
  if (live?.target.digest === target.digest && atMs - live.stamp.wallMs <= restampAfterMs) {
    return { sighting: sightingOf(live, live.target, atMs, undefined) }
  }
  const record = observation(key, target, source, origin, stampAfter(atMs, newest))
  return { records: [record], sighting: sightingOf(record, target, atMs, undefined) }
}

/** What a use does. */
export function decideUse(
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

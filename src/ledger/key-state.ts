import type { Digest } from '../oci/digest.ts'
import { compareSightings, latest, mergeSighting, type Sighting } from './history.ts'
import { mergeRecords } from './merge.ts'
import type { LedgerRecord, ObservationSource, RecordTarget } from './record.ts'
import { compareStamps, lowestStamp, type Stamp } from './stamp.ts'

/** All that is known of one key: its registers, each newest first, and what is local to this node. */
export interface KeyState {
  readonly observations: readonly LedgerRecord[]
  readonly pins: readonly LedgerRecord[]
  readonly uses: readonly LedgerRecord[]
  /** What operators said of forgetting it. */
  readonly forgets: readonly LedgerRecord[]
  readonly sightings: readonly Sighting[]
  /** A digest that this node's clients were given and hold. */
  readonly held: RecordTarget | undefined
}

/** A key nothing is known of. */
export const emptyKeyState: KeyState = {
  observations: [],
  pins: [],
  uses: [],
  forgets: [],
  sightings: [],
  held: undefined,
}

/** Who is not believed and what is not served. */
export interface Exclusions {
  isBanned(origin: string): boolean
  isBlocked(digest: Digest): boolean
}

/** What an operation does to a key. */
export interface KeyChange {
  readonly records?: readonly LedgerRecord[]
  readonly sighting?: Sighting
  readonly held?: RecordTarget
  /** Pins that are taken out of their register: see `endedBy`. */
  readonly ended?: readonly LedgerRecord[]
}

/** A digest that a tag pointed to, as readers see it. */
export interface SeenTarget extends RecordTarget {
  readonly stamp: Stamp
  readonly source: ObservationSource
  readonly origin: string
  readonly confirmedAtMs: number
  readonly firstSeenMs: number
  readonly lastSeenMs: number
}

/** A pin as readers see it. */
export interface PinnedTarget extends RecordTarget {
  readonly stamp: Stamp
  readonly note: string | undefined
  readonly author: string | undefined
  readonly expiresAtMs: number | undefined
}

/** The key after a change. */
export function applyChange(state: KeyState, change: KeyChange): KeyState {
  const records = change.records ?? []
  const observations = mergeKind(state.observations, records, 'observation')
  return {
    observations,
    pins: mergeKind(without(state.pins, change.ended ?? []), records, 'pin'),
    uses: mergeKind(state.uses, records, 'use'),
    forgets: mergeKind(state.forgets, records, 'forget'),
    sightings:
      change.sighting === undefined
        ? state.sightings
        : mergeSighting(state.sightings, change.sighting, observations[0]?.target?.digest),
    held: change.held ?? (isForgetting(records) ? undefined : state.held),
  }
}

const isForgetting = (records: readonly LedgerRecord[]): boolean =>
  records.some(({ kind }) => kind === 'forget')

const without = (
  held: readonly LedgerRecord[],
  ended: readonly LedgerRecord[],
): readonly LedgerRecord[] =>
  ended.length === 0 ? held : held.filter(record => !ended.includes(record))

function mergeKind(
  held: readonly LedgerRecord[],
  records: readonly LedgerRecord[],
  kind: LedgerRecord['kind'],
): readonly LedgerRecord[] {
  const incoming = records.filter(record => record.kind === kind)
  return incoming.length === 0 ? held : mergeRecords(held, incoming)
}

/**
 * Up to which stamp the key is forgotten: what was observed until then is not seen any more. Nothing is deleted, so that a ban of whoever
 * had it forgotten brings all back, and that nodes hold the same records whatever order they came in.
 */
export function forgottenUntil(
  { forgets }: Pick<KeyState, 'forgets'>,
  exclusions: Exclusions,
): Stamp | undefined {
  if (forgets.length === 0) return undefined
  const newest = forgets.find(({ origin }) => !exclusions.isBanned(origin))
  return newest === undefined || newest.removed ? undefined : newest.stamp
}

const isAfter = (stamp: Stamp, until: Stamp | undefined): boolean =>
  until === undefined || compareStamps(stamp, until) > 0

/** Something was observed, and it is not forgotten; nor does it matter whether it is banned or blocked. */
export function isKnown(state: KeyState, exclusions: Exclusions): boolean {
  const [newest] = state.observations
  return newest !== undefined && isAfter(newest.stamp, forgottenUntil(state, exclusions))
}

/** The newest observation record that is neither banned nor blocked, nor forgotten. */
export function liveRecord(
  state: KeyState,
  exclusions: Exclusions,
): (LedgerRecord & { readonly target: RecordTarget }) | undefined {
  const until = forgottenUntil(state, exclusions)
  for (const record of state.observations) {
    if (!isAfter(record.stamp, until)) return undefined
    if (hasTarget(record) && isVisible(record.origin, record.target.digest, exclusions)) {
      return record
    }
  }
  return undefined
}

const hasTarget = (r: LedgerRecord): r is LedgerRecord & { readonly target: RecordTarget } =>
  r.target !== undefined

const isVisible = (origin: string, digest: Digest, exclusions: Exclusions): boolean =>
  !exclusions.isBanned(origin) && !exclusions.isBlocked(digest)

/** The live observation as readers see it. */
export function liveTarget(state: KeyState, exclusions: Exclusions): SeenTarget | undefined {
  const record = liveRecord(state, exclusions)
  if (record === undefined) return undefined
  const { digest } = record.target
  let firstSeenMs = Number.POSITIVE_INFINITY
  let lastSeenMs = 0
  let confirmedMs: number | undefined
  for (const sighting of state.sightings) {
    if (sighting.target.digest !== digest || exclusions.isBanned(sighting.origin)) continue
    firstSeenMs = Math.min(firstSeenMs, sighting.firstSeenMs)
    lastSeenMs = Math.max(lastSeenMs, sighting.lastSeenMs)
    confirmedMs = latest(confirmedMs, sighting.confirmedMs)
  }
  if (firstSeenMs === Number.POSITIVE_INFINITY) firstSeenMs = record.stamp.wallMs
  return {
    ...record.target,
    stamp: record.stamp,
    source: record.source ?? 'upstream',
    origin: record.origin,
    confirmedAtMs: confirmedMs ?? recordTime(record.stamp, firstSeenMs),
    firstSeenMs,
    lastSeenMs: Math.max(lastSeenMs, firstSeenMs),
  }
}

/** The lowest stamp says nothing about time: then the best that is known is when this node first saw it. */
const recordTime = (stamp: Stamp, firstSeenMs: number): number =>
  compareStamps(stamp, lowestStamp) === 0 ? firstSeenMs : stamp.wallMs

/** Distinct digests of the key, the live one first, then newest first, none banned, blocked or forgotten. */
export function historyOf(state: KeyState, exclusions: Exclusions): readonly SeenTarget[] {
  const live = liveTarget(state, exclusions)
  const byDigest = new Map<Digest, SeenTarget>()
  const until = forgottenUntil(state, exclusions)
  const newestFirst = state.sightings
    .filter(({ stamp }) => isAfter(stamp, until))
    .sort((a, b) => compareSightings(b, a))
  for (const sighting of newestFirst) {
    const { digest } = sighting.target
    if (digest === live?.digest || !isVisible(sighting.origin, digest, exclusions)) continue
    const known = byDigest.get(digest)
    byDigest.set(digest, known === undefined ? asSeen(sighting) : widen(known, sighting))
  }
  return live === undefined ? [...byDigest.values()] : [live, ...byDigest.values()]
}

function asSeen(sighting: Sighting): SeenTarget {
  const { target, stamp, source, origin, firstSeenMs, lastSeenMs, confirmedMs } = sighting
  const confirmedAtMs = confirmedMs ?? recordTime(stamp, firstSeenMs)
  return { ...target, stamp, source, origin, confirmedAtMs, firstSeenMs, lastSeenMs }
}

function widen(known: SeenTarget, older: Sighting): SeenTarget {
  return {
    ...known,
    confirmedAtMs: Math.max(known.confirmedAtMs, older.confirmedMs ?? 0),
    firstSeenMs: Math.min(known.firstSeenMs, older.firstSeenMs),
    lastSeenMs: Math.max(known.lastSeenMs, older.lastSeenMs),
  }
}

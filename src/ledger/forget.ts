import type { Decider, Operation } from './key-operation.ts'
import { type KeyChange, type KeyState, liveRecord } from './key-state.ts'
import { operatorRecord } from './own-record.ts'
import { newestStamp, stampAfter } from './stamp.ts'

/**
 * What forgetting a tag does: a word that is newer than everything known of it. What a registry or an import says later is newer still, and
 * counts; what it said before, and arrives late, does not.
 */
export function decideForget(
  state: KeyState,
  key: string,
  { author, note, atMs, believeUntilMs }: Operation<'forget'>,
  { origin, exclusions }: Decider,
): KeyChange | undefined {
  if (liveRecord(state, exclusions) === undefined && state.held === undefined) return undefined
  const said = [...state.observations, ...state.forgets].map(({ stamp }) => stamp)
  // A registry's clock may be ahead: what it confirmed before now is forgotten as well.
  const confirmed = state.sightings.map(({ confirmedMs = 0 }) => stampAfter(confirmedMs, undefined))
  const believed = [...said, ...confirmed].filter(({ wallMs }) => wallMs <= believeUntilMs)
  const stamp = stampAfter(atMs, newestStamp(believed))
  return {
    records: [operatorRecord('forget', key, undefined, origin, stamp, false, { author, note })],
  }
}

import type { AdminApi } from './admin-api.ts'
import { type ClusterModeAnswer, clusterModeAnswer } from './node-answers.ts'
import {
  type ExclusionsAnswer,
  exclusionsAnswer,
  type KeepsAnswer,
  keepsAnswer,
  type PinsAnswer,
  pinsAnswer,
} from './operator-answers.ts'
import { type ScheduleItem, schedulesAnswer } from './schedule-words.ts'

/** What operators said that is in force, as a node knows it. */
export interface OperatorWords {
  readonly pins: PinsAnswer['items']
  /** Those of the configuration left out. */
  readonly keeps: KeepsAnswer['items']
  readonly blocks: ExclusionsAnswer['items']
  readonly bans: ExclusionsAnswer['items']
  /** Warm jobs that recur, those of the configuration left out. */
  readonly schedules: readonly ScheduleItem[]
  /** The mode of all nodes. */
  readonly mode: ClusterModeAnswer['cluster']
}

/** Pins of one question. */
const pagePins = 1_000

/** All of it. Throws `CommandFailure`. */
export async function listOperatorWords(api: AdminApi): Promise<OperatorWords> {
  const { items: keeps } = await api.get('/api/v1/keeps', {}, keepsAnswer)
  const { items: blocks } = await api.get('/api/v1/blocks', {}, exclusionsAnswer)
  const { items: bans } = await api.get('/api/v1/bans', {}, exclusionsAnswer)
  const { items: schedules } = await api.get('/api/v1/schedules', {}, schedulesAnswer)
  const { cluster: mode } = await api.get('/api/v1/mode', {}, clusterModeAnswer)
  // What only the configuration keeps was said by nobody.
  const said = keeps.filter(({ setAt }) => setAt != null)
  return {
    pins: await listPins(api, Number.POSITIVE_INFINITY),
    keeps: said,
    blocks,
    bans,
    schedules: schedules.filter(({ configured }) => !configured),
    mode,
  }
}

/** Pins in the order of their tags, up to `limit`. Throws `CommandFailure`. */
export async function listPins(api: AdminApi, limit: number): Promise<PinsAnswer['items']> {
  const items: PinsAnswer['items'] = []
  let after: string | undefined
  do {
    const page = Math.min(limit - items.length, pagePins)
    const answer = await api.get('/api/v1/pins', { after, limit: page }, pinsAnswer)
    items.push(...answer.items)
    after = answer.next ?? undefined
  } while (after !== undefined && items.length < limit)
  return items
}

import { isDeepStrictEqual } from 'node:util'
import type { AdminApi } from './admin-api.ts'
import type { OperatorWords } from './list-operators.ts'
import { clusterModeChangeAnswer } from './node-answers.ts'
import { exclusionChangeAnswer, keepChangeAnswer, pinChangeAnswer } from './operator-answers.ts'
import type { OperatorsFile } from './operators-file.ts'
import { pinPath } from './pin-words.ts'
import { scheduleChangeAnswer, schedulePath, toSchedule } from './schedule-words.ts'

/** Something of the file, what stands in its place, and how it is said anew. */
export interface RestoreStep {
  readonly kind: 'pin' | 'keep' | 'block' | 'ban' | 'schedule' | 'mode'
  readonly what: string
  /** Absent: it stands already. */
  readonly say: ((api: AdminApi) => Promise<unknown>) | undefined
  /** What stands there instead, and stays unless it is to be replaced. */
  readonly instead?: string | undefined
}

/** Bans and blocks first: what they are against is not pinned and not believed. */
export function restoreSteps(file: OperatorsFile, now: OperatorWords): readonly RestoreStep[] {
  const isIn = (list: readonly { readonly key: string }[], key: string) =>
    list.some(one => one.key === key)
  const exclude = (kind: 'ban' | 'block', there: readonly { readonly key: string }[]) =>
    file[`${kind}s`].map(({ key, ...body }): RestoreStep => {
      const path = `/api/v1/${kind}s/${encodeURIComponent(key)}`
      const say = (api: AdminApi) =>
        api.change('PUT', path, { query: {}, body }, exclusionChangeAnswer)
      return { kind, what: key, say: isIn(there, key) ? undefined : say }
    })
  const kept = new Set(now.keeps.map(({ pattern }) => pattern))
  const pinned = new Map(now.pins.map(pin => [pin.reference, pin]))
  return [
    ...exclude('ban', now.bans),
    ...exclude('block', now.blocks),
    ...file.keeps.map(({ pattern, ...body }): RestoreStep => {
      const path = `/api/v1/keeps/${encodeURIComponent(pattern)}`
      const say = (api: AdminApi) => api.change('PUT', path, { query: {}, body }, keepChangeAnswer)
      return { kind: 'keep', what: pattern, say: kept.has(pattern) ? undefined : say }
    }),
    ...file.pins.map(({ reference, digest, mediaType, size, ...details }): RestoreStep => {
      const there = pinned.get(reference)
      // After a loss nobody may hold it any more, nor be there to be asked: it is fetched as soon as it can be.
      const isDescribed = mediaType !== undefined && size !== undefined
      const described = isDescribed ? { mediaType, size } : undefined
      const body = { to: digest, allowIncomplete: true, described, ...details }
      const say = (api: AdminApi) =>
        api.change('PUT', pinPath(reference), { query: {}, body }, pinChangeAnswer)
      const isSame = there?.digest === digest && there.standing === 'in-force'
      return {
        kind: 'pin',
        what: `${reference}@${digest}`,
        say: isSame ? undefined : say,
        instead: isSame || there?.digest == null ? undefined : `it is pinned to ${there.digest}`,
      }
    }),
    ...planSchedules(file, now),
    ...planMode(file, now),
  ]
}

function planSchedules(
  { schedules = [] }: OperatorsFile,
  { schedules: there }: Pick<OperatorWords, 'schedules'>,
): readonly RestoreStep[] {
  const standing = new Map(there.map(item => [item.name, toSchedule(item)]))
  return schedules.map(({ name, ...body }): RestoreStep => {
    const { note: _note, author: _author, ...recurring } = body
    const other = standing.get(name)
    const isSame = isDeepStrictEqual(other, recurring)
    const say = (api: AdminApi) =>
      api.change('PUT', schedulePath(name), { query: {}, body }, scheduleChangeAnswer)
    return {
      kind: 'schedule',
      what: name,
      say: isSame ? undefined : say,
      instead: isSame || other === undefined ? undefined : 'another one is called so',
    }
  })
}

/** Nothing where none was set, or where it would be over by now. */
function planMode(
  { mode: wanted }: OperatorsFile,
  { mode: there }: Pick<OperatorWords, 'mode'>,
): readonly RestoreStep[] {
  if (wanted === undefined) return []
  const { until, ...details } = wanted
  const leftMs = until === undefined ? undefined : Date.parse(until) - Date.now()
  if (leftMs !== undefined && !(leftMs >= 1_000)) return []
  const forSeconds = leftMs === undefined ? undefined : Math.round(leftMs / 1_000)
  const body = { ...details, forSeconds }
  const say = (api: AdminApi) =>
    api.change('PUT', '/api/v1/mode', { query: {}, body }, clusterModeChangeAnswer)
  const isSame = there?.mode === wanted.mode && isSameEnd(there.until ?? undefined, until)
  return [
    {
      kind: 'mode',
      what: wanted.mode,
      say: isSame ? undefined : say,
      instead: isSame || there === undefined ? undefined : `the mode is ${there.mode}`,
    },
  ]
}

/** What was restored ends a part of a second beside what it was. */
const isSameEnd = (a: string | undefined, b: string | undefined): boolean =>
  a === undefined || b === undefined ? a === b : Math.abs(Date.parse(a) - Date.parse(b)) < 2_000

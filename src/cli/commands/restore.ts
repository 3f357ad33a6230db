import { findAdmin } from '../admin-address.ts'
import { type AdminApi, createAdminApi } from '../admin-api.ts'
import { exclusionChangeAnswer, keepChangeAnswer, pinChangeAnswer } from '../answers.ts'
import type { RunCommand } from '../command.ts'
import { CommandFailure } from '../command-failure.ts'
import { listOperatorWords, type OperatorWords } from '../list-operators.ts'
import { clusterModeChangeAnswer } from '../node-answers.ts'
import { type OperatorsFile, readOperatorsFile } from '../operators-file.ts'
import { pinPath } from '../pin-words.ts'
import { print } from '../print.ts'
import { columns, type Line } from '../table.ts'

/** Something of the file, what stands in its place, and how it is said anew. */
interface Step {
  readonly kind: 'pin' | 'keep' | 'block' | 'ban' | 'mode'
  readonly what: string
  /** Absent: it stands already. */
  readonly say: ((api: AdminApi) => Promise<unknown>) | undefined
  /** What stands there instead, and stays unless it is to be replaced. */
  readonly instead?: string | undefined
}

interface Outcome {
  readonly kind: Step['kind']
  readonly what: string
  readonly outcome: 'stands' | 'said' | 'left' | 'refused' | 'would be said'
  readonly reason?: string
}

/** `holdfast restore FILE|-` */
export const run: RunCommand = async context => {
  const { words, options } = context
  const file = await readOperatorsFile(words[0] ?? '')
  const api = createAdminApi(await findAdmin(context))
  const steps = await plan(api, file)
  const how = {
    replaces: options['replace'] !== undefined,
    isDry: options['dry-run'] !== undefined,
  }
  const outcomes: Outcome[] = []
  for (const step of steps) outcomes.push(await take(api, step, how))
  print(context, { items: outcomes }, () => lines(outcomes))
  const isWhole = outcomes.every(({ outcome }) => outcome !== 'left' && outcome !== 'refused')
  return isWhole ? 'ok' : 'faulty'
}

/** Bans and blocks first: what they are against is not pinned and not believed. */
async function plan(api: AdminApi, file: OperatorsFile): Promise<readonly Step[]> {
  const now = await listOperatorWords(api)
  const isIn = (list: readonly { readonly key: string }[], key: string) =>
    list.some(one => one.key === key)
  const exclude = (kind: 'ban' | 'block', there: readonly { readonly key: string }[]) =>
    file[`${kind}s`].map(({ key, ...body }): Step => {
      const path = `/api/v1/${kind}s/${encodeURIComponent(key)}`
      const say = () => api.change('PUT', path, { query: {}, body }, exclusionChangeAnswer)
      return { kind, what: key, say: isIn(there, key) ? undefined : say }
    })
  const kept = new Set(now.keeps.map(({ pattern }) => pattern))
  const pinned = new Map(now.pins.map(pin => [pin.reference, pin]))
  return [
    ...exclude('ban', now.bans),
    ...exclude('block', now.blocks),
    ...file.keeps.map(({ pattern, ...body }): Step => {
      const path = `/api/v1/keeps/${encodeURIComponent(pattern)}`
      const say = () => api.change('PUT', path, { query: {}, body }, keepChangeAnswer)
      return { kind: 'keep', what: pattern, say: kept.has(pattern) ? undefined : say }
    }),
    ...file.pins.map(({ reference, digest, ...details }): Step => {
      const there = pinned.get(reference)
      // After a loss nobody may hold it any more: it is fetched as soon as it can be.
      const body = { to: digest, allowIncomplete: true, ...details }
      const say = () => api.change('PUT', pinPath(reference), { query: {}, body }, pinChangeAnswer)
      const isSame = there?.digest === digest && there.standing === 'in-force'
      return {
        kind: 'pin',
        what: `${reference}@${digest}`,
        say: isSame ? undefined : say,
        instead: isSame || there?.digest == null ? undefined : `it is pinned to ${there.digest}`,
      }
    }),
    ...planMode(file, now),
  ]
}

/** Nothing where none was set, or where it would be over by now. */
function planMode(
  { mode: wanted }: OperatorsFile,
  { mode: there }: Pick<OperatorWords, 'mode'>,
): readonly Step[] {
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

async function take(
  api: AdminApi,
  { kind, what, say, instead }: Step,
  { replaces, isDry }: { readonly replaces: boolean; readonly isDry: boolean },
): Promise<Outcome> {
  if (say === undefined) return { kind, what, outcome: 'stands' }
  if (instead !== undefined && !replaces) {
    return {
      kind,
      what,
      outcome: 'left',
      reason: `${instead}; --replace says it anew`,
    }
  }
  if (isDry) return { kind, what, outcome: 'would be said' }
  try {
    await say(api)
    return { kind, what, outcome: 'said' }
  } catch (error) {
    // One that is refused says nothing of the others; a node that is gone does.
    const isOwn = error instanceof CommandFailure && ['refused', 'usage'].includes(error.code)
    if (!isOwn) throw error
    return { kind, what, outcome: 'refused', reason: error.message }
  }
}

function lines(outcomes: readonly Outcome[]): readonly Line[] {
  if (outcomes.length === 0) return ['the file says nothing']
  const rows = outcomes.map(({ kind, what, outcome, reason }) => [
    kind,
    what,
    outcome,
    reason ?? '',
  ])
  return columns([['KIND', 'WHAT', 'OUTCOME', ''], ...rows])
}

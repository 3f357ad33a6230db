import { findAdmin } from '../admin-address.ts'
import { type AdminApi, createAdminApi } from '../admin-api.ts'
import { exclusionChangeAnswer, keepChangeAnswer, pinChangeAnswer } from '../answers.ts'
import type { RunCommand } from '../command.ts'
import { CommandFailure } from '../command-failure.ts'
import { listOperatorWords } from '../list-operators.ts'
import { type OperatorsFile, readOperatorsFile } from '../operators-file.ts'
import { pinPath } from '../pin-words.ts'
import { columns, print } from '../print.ts'

/** Something of the file, what stands in its place, and how it is said anew. */
interface Step {
  readonly kind: 'pin' | 'keep' | 'block' | 'ban'
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
        instead: isSame ? undefined : (there?.digest ?? undefined),
      }
    }),
  ]
}

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
      reason: `it is pinned to ${instead}; --replace pins it anew`,
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

function lines(outcomes: readonly Outcome[]): string[] {
  if (outcomes.length === 0) return ['the file says nothing']
  const rows = outcomes.map(({ kind, what, outcome, reason }) => [
    kind,
    what,
    outcome,
    reason ?? '',
  ])
  return columns([['KIND', 'WHAT', 'OUTCOME', ''], ...rows])
}

import { findAdmin } from '../admin-address.ts'
import { type AdminApi, createAdminApi } from '../admin-api.ts'
import type { RunCommand } from '../command.ts'
import { CommandFailure } from '../command-failure.ts'
import { listOperatorWords } from '../list-operators.ts'
import { readOperatorsFile } from '../operators-file.ts'
import { print } from '../print.ts'
import { type RestoreStep, restoreSteps } from '../restore-steps.ts'
import { columns, type Line } from '../table.ts'

interface Outcome {
  readonly kind: RestoreStep['kind']
  readonly what: string
  readonly outcome: 'stands' | 'said' | 'left' | 'refused' | 'would be said'
  readonly reason?: string
}

/** `holdfast restore FILE|-` */
export const run: RunCommand = async context => {
  const { words, options } = context
  const file = await readOperatorsFile(words[0] ?? '')
  const api = createAdminApi(await findAdmin(context))
  const steps = restoreSteps(file, await listOperatorWords(api))
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

async function take(
  api: AdminApi,
  { kind, what, say, instead }: RestoreStep,
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

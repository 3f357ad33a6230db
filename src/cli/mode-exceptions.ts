import type { AdminAccess } from './admin-address.ts'
import { type AdminApi, createAdminApi } from './admin-api.ts'
import { CommandFailure } from './command-failure.ts'
import { type Heard, hearAll } from './each-node.ts'
import { type ModeAnswer, modeAnswer } from './node-answers.ts'
import type { properties } from './print.ts'

/** Nodes of which the mode of all is not told. */
export interface ModeExceptions {
  /** Those that are in another mode, which was set for them alone. */
  readonly exceptions: readonly {
    readonly node: string
    readonly id: string
    readonly mode: string
    readonly by: string | undefined
    /** What ends it. */
    readonly cure: string
  }[]
  /** Those of which nobody knows. */
  readonly unknown: readonly { readonly node: string; readonly error: string }[]
}

/** The change is made already: nobody waits long to hear of nodes that are away. */
const patienceMs = 3_000

/** Asks every node whether it has a mode of its own. Throws nothing that keeps the answer on all nodes from being told. */
export async function findModeExceptions(
  access: AdminAccess,
  allAre: string,
): Promise<ModeExceptions> {
  const api = createAdminApi(access, { silentMs: patienceMs })
  try {
    const { heard } = await hearAll(api, { what: 'mode', ask: askBriefly })
    return {
      exceptions: heard.flatMap(one => exceptionOf(one, allAre)),
      unknown: heard.flatMap(one =>
        'error' in one && one.code !== 'ok' ? [{ node: one.node, error: one.error }] : [],
      ),
    }
  } catch (error) {
    if (!(error instanceof CommandFailure)) throw error
    return { exceptions: [], unknown: [{ node: 'every other node', error: error.message }] }
  }
}

async function askBriefly(api: AdminApi, path: string): Promise<ModeAnswer> {
  try {
    return await api.get(path, {}, modeAnswer)
  } catch (error) {
    if (!(error instanceof CommandFailure) || error.said !== undefined) throw error
    const said =
      error.code === 'unreachable' ? `no answer within ${patienceMs / 1_000} s` : error.message
    throw new CommandFailure('unreachable', error.message, error, said)
  }
}

function exceptionOf(one: Heard<ModeAnswer>, allAre: string): ModeExceptions['exceptions'] {
  if (!('answer' in one) || one.answer.decidedBy !== 'node' || one.answer.mode === allAre) return []
  const { mode, set, node: name } = one.answer
  // Of two that go by one name each is named by its id.
  const named = one.node === name ? name : one.id.slice(0, 12)
  const cure = `holdfast mode configured --node ${named}`
  return [{ node: one.node, id: one.id, mode, by: set?.by, cure }]
}

/** A line each. */
export const exceptionProperties = ({
  exceptions,
  unknown,
}: ModeExceptions): Parameters<typeof properties>[0] => [
  ...exceptions.map(({ node, mode, by, cure }, at) => {
    const who = by === undefined ? '' : ` by ${by}`
    return [
      at === 0 ? 'but' : '',
      `${node} is ${mode}, set for it alone${who}; \`${cure}\` ends it`,
    ] as const
  }),
  ...unknown.map(
    ({ node, error }, at) => [at === 0 ? 'not known' : '', `${node}: ${error}`] as const,
  ),
]

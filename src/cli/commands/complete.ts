import { findAdmin } from '../admin-address.ts'
import { createAdminApi } from '../admin-api.ts'
import {
  type Candidate,
  type CandidateKind,
  isCandidateKind,
  listCandidates,
} from '../candidates.ts'
import type { CommandContext, RunCommand } from '../command.ts'
import { CommandFailure } from '../command-failure.ts'

/** Nobody waits for longer who pressed a key, ms. */
const silentMs = 2_000

/** `holdfast __complete KIND [TYPED]`: a candidate a line, with what it means after a tab. Where the node cannot be asked there is none. */
export const run: RunCommand = async context => {
  const [kind = '', typed = ''] = context.words
  if (!isCandidateKind(kind)) {
    throw new CommandFailure('usage', `${JSON.stringify(kind)} is nothing that a node lists`)
  }
  const candidates = await list(context, kind, typed)
  context.terminal.out(candidates.map(({ word, means }) => `${word}\t${means}\n`).join(''))
  return 'ok'
}

async function list(
  context: CommandContext,
  kind: CandidateKind,
  typed: string,
): Promise<readonly Candidate[]> {
  try {
    const api = createAdminApi(await findAdmin(context), { silentMs })
    return await listCandidates(api, kind, typed)
  } catch (error) {
    // It would stand in the middle of what is being typed.
    if (error instanceof CommandFailure) return []
    throw error
  }
}

import { formatReference } from '../../oci/reference.ts'
import { findAdmin } from '../admin-address.ts'
import { type AdminApi, createAdminApi } from '../admin-api.ts'
import { isAskable } from '../askable-registry.ts'
import type { CommandContext, RunCommand } from '../command.ts'
import { CommandFailure } from '../command-failure.ts'
import type { ExitCode } from '../exit-codes.ts'
import { mendReport } from '../mend-report.ts'
import { nodesAnswer } from '../node-answers.ts'
import { print, readReference } from '../print.ts'
import { readImageList } from '../read-image-list.ts'
import { type ReportAnswer, reportAnswer } from '../report-answers.ts'
import { registryOfPattern } from '../report-cures.ts'
import { doNotAnswer, silentOf } from '../report-terms.ts'
import { reportLines } from '../report-words.ts'
import { type Typed, typeAgain } from '../type-again.ts'

/** `holdfast report [REF]…` and `holdfast report --running` */
export const run: RunCommand = async context => {
  const question = await readQuestion(context)
  const api = createAdminApi(await findAdmin(context))
  const typed = typedIn(context)
  async function report(): Promise<ReportAnswer> {
    const answer = await api.get('/api/v1/report', question, reportAnswer)
    if (question.node !== undefined) await mustHaveAnswered(answer, api, typed)
    return answer
  }
  const first = await report()
  const wantsMending = context.options['mend'] !== undefined
  const mended = wantsMending ? await mendReport(first, report, { api, context }) : undefined
  const answer = mended?.answer ?? first
  const unaskable = await unaskableOf(answer, api)
  print(context, answer, () => reportLines(answer, typed, { failed: mended?.failed, unaskable }))
  return exitCodeOf(answer)
}

/** Registries of the keeps that no known tag fits, where no node may ask them. */
async function unaskableOf(
  { emptyKeeps }: ReportAnswer,
  api: AdminApi,
): Promise<readonly string[]> {
  const registries = new Set(emptyKeeps.map(registryOfPattern))
  const unaskable: string[] = []
  for (const registry of registries) {
    if (!registry.includes('*') && !(await isAskable(api, registry))) unaskable.push(registry)
  }
  return unaskable
}

function typedIn(context: CommandContext): Typed {
  const { words, options } = context
  const isFile = words.length === 0 && options['list'] !== '-'
  return {
    again: changes => typeAgain(context, changes),
    list: isFile ? options['list'] : undefined,
  }
}

/** Throws `CommandFailure`: of a node that says nothing there is nothing to tell, but of others there may be. */
async function mustHaveAnswered(
  answer: ReportAnswer,
  api: AdminApi,
  { again }: Typed,
): Promise<void> {
  const silent = silentOf(answer)
  if (silent.length === 0) return
  const there = answer.nodes.flatMap(({ name, heard }) => (heard ? [name] : []))
  const others = there.length > 0 ? there : await aliveNodes(api)
  const cure = others.length === 0 ? '' : `; of the others: \`${again({ node: others.join() })}\``
  throw new CommandFailure(
    'unreachable',
    `${doNotAnswer(silent)}: nobody can tell what would start there${cure}`,
  )
}

async function aliveNodes(api: AdminApi): Promise<readonly string[]> {
  const { items } = await api.get('/api/v1/nodes', {}, nodesAnswer)
  return items.flatMap(({ name, self, state }) => (self || state === 'alive' ? [name] : []))
}

/** Reads what is asked. Throws `CommandFailure` with `usage`. */
async function readQuestion({ words, options }: CommandContext) {
  const { node, list } = options
  const listed = list === undefined ? [] : await readImageList(list)
  const ref = [...words, ...listed].map(word => formatReference(readReference(word)))
  const running = options['running'] === undefined ? undefined : 'true'
  if (running !== undefined && ref.length > 0) {
    throw new CommandFailure('usage', '--running is about what runs: name no image with it')
  }
  if (options['mend'] !== undefined && options['watch'] !== undefined) {
    throw new CommandFailure('usage', '--mend is done once: leave --watch out')
  }
  return { ref, running, node }
}

function exitCodeOf({ items, verdict, truncated }: ReportAnswer): ExitCode {
  if (items.length === 0) return 'noAnswer'
  return verdict === 'ready' && !truncated ? 'ok' : 'faulty'
}

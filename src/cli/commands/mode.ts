import { findAdmin } from '../admin-address.ts'
import { createAdminApi } from '../admin-api.ts'
import type { CommandContext, RunCommand } from '../command.ts'
import { CommandFailure } from '../command-failure.ts'
import { type ModeAnswer, modeAnswer } from '../node-answers.ts'
import { nodePath, noForWithout, readFor } from '../node-words.ts'
import { print, properties } from '../print.ts'

const meanings: Readonly<Record<string, string>> = {
  auto: 'registries are asked, and left alone while they are known to be down',
  online: 'registries are asked always',
  offline: 'registries are not asked',
}

/** `holdfast mode [auto|online|offline|configured]` */
export const run: RunCommand = async context => {
  const answer = await ask(context)
  print(context, answer, () => lines(answer))
  return 'ok'
}

async function ask(context: CommandContext): Promise<ModeAnswer> {
  const path = nodePath(context, 'mode')
  const [word] = context.words
  const forSeconds = readFor(context.options['for'])
  if (word === undefined || word === 'configured') {
    noForWithout(context, 'a mode')
    const api = createAdminApi(await findAdmin(context))
    return word === undefined
      ? api.get(path, {}, modeAnswer)
      : api.change('DELETE', path, { query: {} }, modeAnswer)
  }
  if (!Object.hasOwn(meanings, word)) {
    const cure = 'it is auto, online, offline, or configured'
    throw new CommandFailure('usage', `${JSON.stringify(word)} is no mode; ${cure}`)
  }
  const api = createAdminApi(await findAdmin(context))
  return api.change('PUT', path, { query: {}, body: { mode: word, forSeconds } }, modeAnswer)
}

function lines({ node, mode, configured, set }: ModeAnswer): string[] {
  return [
    `${node} is ${mode}: ${meanings[mode] ?? ''}`,
    ...properties([
      ['set by', set?.by],
      ['at', set?.at],
      ['until', set && (set.until ?? 'it is set anew; a restart changes nothing')],
      ['configured', set && configured],
    ]),
  ]
}

import { findAdmin } from '../admin-address.ts'
import { createAdminApi } from '../admin-api.ts'
import type { CommandContext, RunCommand } from '../command.ts'
import { CommandFailure } from '../command-failure.ts'
import { type LogLevelAnswer, logLevelAnswer } from '../node-answers.ts'
import { nodePath, noForWithout, readFor } from '../node-words.ts'
import { print, properties } from '../print.ts'

const levels = ['debug', 'info', 'warn', 'error']

/** `holdfast log-level [LEVEL]` */
export const run: RunCommand = async context => {
  const answer = await ask(context)
  print(context, answer, () => lines(answer))
  return 'ok'
}

async function ask(context: CommandContext): Promise<LogLevelAnswer> {
  const path = nodePath(context, 'log-level')
  const [level] = context.words
  const forSeconds = readFor(context.options['for'])
  if (level === undefined) {
    noForWithout(context, 'a level')
    return createAdminApi(await findAdmin(context)).get(path, {}, logLevelAnswer)
  }
  if (!levels.includes(level)) {
    const cure = `it is ${levels.join(', ')}`
    throw new CommandFailure('usage', `${JSON.stringify(level)} is no level; ${cure}`)
  }
  const api = createAdminApi(await findAdmin(context))
  return api.change('PUT', path, { query: {}, body: { level, forSeconds } }, logLevelAnswer)
}

function lines({ node, level, configured, until }: LogLevelAnswer): string[] {
  const isSet = level !== configured || (until !== undefined && until !== null)
  return [
    `${node} logs ${level}`,
    ...properties([
      ['until', isSet ? (until ?? 'it is set anew, or the node is restarted') : undefined],
      ['configured', isSet ? configured : undefined],
    ]),
  ]
}

import type { AdminApi } from '../admin-api.ts'
import type { CommandContext, RunCommand } from '../command.ts'
import { CommandFailure } from '../command-failure.ts'
import { askNodes } from '../each-node.ts'
import { type LogLevelAnswer, logLevelAnswer } from '../node-answers.ts'
import { noForWithout, readFor } from '../node-words.ts'
import { properties } from '../print.ts'
import type { Line } from '../table.ts'

const levels = ['debug', 'info', 'warn', 'error']

/** `holdfast log-level [LEVEL]` */
export const run: RunCommand = async context =>
  askNodes(context, {
    what: 'log-level',
    ask: readQuestion(context),
    lines,
    heads: ['LEVEL', 'CONFIGURED', 'UNTIL'],
    row: ({ level, configured, until }) => [level, configured, until ?? ''],
  })

/** Throws `CommandFailure` with `usage`. */
function readQuestion(
  context: CommandContext,
): (api: AdminApi, path: string) => Promise<LogLevelAnswer> {
  const [level] = context.words
  const forSeconds = readFor(context.options['for'])
  if (level === undefined) {
    noForWithout(context, 'a level')
    return (api, path) => api.get(path, {}, logLevelAnswer)
  }
  if (!levels.includes(level)) {
    const cure = `it is ${levels.join(', ')}`
    throw new CommandFailure('usage', `${JSON.stringify(level)} is no level; ${cure}`)
  }
  const body = { level, forSeconds }
  return (api, path) => api.change('PUT', path, { query: {}, body }, logLevelAnswer)
}

function lines({ node, level, configured, until }: LogLevelAnswer): readonly Line[] {
  const isSet = level !== configured || (until !== undefined && until !== null)
  return [
    `${node} logs ${level}`,
    ...properties([
      ['until', isSet ? (until ?? 'it is set anew, or the node is restarted') : undefined],
      ['configured', isSet ? configured : undefined],
    ]),
  ]
}

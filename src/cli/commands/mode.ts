import type { AdminApi } from '../admin-api.ts'
import type { CommandContext, RunCommand } from '../command.ts'
import { CommandFailure } from '../command-failure.ts'
import { askNodes } from '../each-node.ts'
import { type ModeAnswer, modeAnswer } from '../node-answers.ts'
import { noForWithout, readFor } from '../node-words.ts'
import { properties } from '../print.ts'

const meanings: Readonly<Record<string, string>> = {
  auto: 'registries are asked, and left alone while they are known to be down',
  online: 'registries are asked always',
  offline: 'registries are not asked',
}

/** `holdfast mode [auto|online|offline|configured]` */
export const run: RunCommand = async context =>
  askNodes(context, {
    what: 'mode',
    ask: readQuestion(context),
    lines,
    heads: ['MODE', 'CONFIGURED', 'SET BY', 'UNTIL'],
    row: ({ mode, configured, set }) => [mode, configured, set?.by ?? '', set?.until ?? ''],
  })

/** Throws `CommandFailure` with `usage`. */
function readQuestion(
  context: CommandContext,
): (api: AdminApi, path: string) => Promise<ModeAnswer> {
  const [word] = context.words
  const forSeconds = readFor(context.options['for'])
  if (word === undefined || word === 'configured') {
    noForWithout(context, 'a mode')
    return word === undefined
      ? (api, path) => api.get(path, {}, modeAnswer)
      : (api, path) => api.change('DELETE', path, { query: {} }, modeAnswer)
  }
  if (!Object.hasOwn(meanings, word)) {
    const cure = 'it is auto, online, offline, or configured'
    throw new CommandFailure('usage', `${JSON.stringify(word)} is no mode; ${cure}`)
  }
  const body = { mode: word, forSeconds }
  return (api, path) => api.change('PUT', path, { query: {}, body }, modeAnswer)
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

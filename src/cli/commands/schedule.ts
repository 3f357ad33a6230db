import { formatReference } from '../../oci/reference.ts'
import { findAdmin } from '../admin-address.ts'
import { createAdminApi } from '../admin-api.ts'
import type { CommandContext, RunCommand } from '../command.ts'
import { CommandFailure } from '../command-failure.ts'
import type { ExitCode } from '../exit-codes.ts'
import {
  hasEnough,
  mustHaveBeen,
  readCopies,
  storedOnProperty,
  tooFewLines,
} from '../operator-words.ts'
import { print, properties, readReference } from '../print.ts'
import {
  readTimes,
  replacedLines,
  type ScheduleChangeAnswer,
  scheduleAnswer,
  scheduleChangeAnswer,
  scheduleLines,
  schedulePath,
  scheduleRemovalAnswer,
} from '../schedule-words.ts'
import { findStanding, goOnWith, overStanding } from '../standing-word.ts'

/** `holdfast schedule NAME IMAGE…` and `holdfast unschedule NAME` */
export const run: RunCommand = async context => {
  if (context.command === 'unschedule') return remove(context)
  const copies = readCopies(context.options['copies'])
  const body = readBody(context)
  const api = createAdminApi(await findAdmin(context))
  const path = schedulePath(context.words[0] ?? '')
  const standing = await findStanding(api, path, scheduleAnswer)
  const { note } = goOnWith({ note: context.options['note'] }, standing)
  const said = { body: { ...body, note }, headers: overStanding(standing) }
  const answer = await api.change('PUT', path, { query: { copies }, ...said }, scheduleChangeAnswer)
  print(context, answer, () => [
    `${answer.name} ${recurs(answer)}`,
    ...scheduleLines(answer),
    ...properties([storedOnProperty(answer.storedOn)]),
    ...replacedLines(answer),
    ...tooFewLines(answer, copies),
  ])
  return hasEnough(answer, copies) ? 'ok' : 'noAnswer'
}

/** Whether it is new. */
function recurs({ changed, before }: ScheduleChangeAnswer): string {
  if (changed === false) return 'recurs so already'
  return before == null ? 'recurs' : 'recurs otherwise than before'
}

async function remove(context: CommandContext): Promise<ExitCode> {
  const copies = readCopies(context.options['copies'])
  const api = createAdminApi(await findAdmin(context))
  const path = schedulePath(context.words[0] ?? '')
  const answer = await api.change('DELETE', path, { query: { copies } }, scheduleRemovalAnswer)
  const { name, storedOn } = answer
  mustHaveBeen(
    answer,
    `no schedule is called ${JSON.stringify(name)}; \`holdfast schedules\` lists them`,
  )
  print(context, answer, () => [
    `${name} recurs no more`,
    ...properties([storedOnProperty(storedOn)]),
    ...tooFewLines(answer, copies),
  ])
  return hasEnough(answer, copies) ? 'ok' : 'noAnswer'
}

/** Throws `CommandFailure` with `usage`. */
function readBody({ words, options }: CommandContext): object {
  const { node, 'image-copies': imageCopies } = options
  if (node !== undefined && imageCopies !== undefined) {
    throw new CommandFailure('usage', '--node and --image-copies exclude each other')
  }
  const images = words.slice(1).map(word => formatReference(readReference(word)))
  return {
    images: [...new Set(images)],
    ...readTimes(options),
    platforms: options['platform']?.split(','),
    nodes: node?.split(','),
    copies: readCopies(imageCopies),
    referrers: options['referrers'] !== undefined,
    author: options['author'],
  }
}

import { formatReference } from '../../oci/reference.ts'
import { findAdmin } from '../admin-address.ts'
import { createAdminApi } from '../admin-api.ts'
import type { CommandContext, RunCommand } from '../command.ts'
import { CommandFailure } from '../command-failure.ts'
import { hasEnough, readCopies, storedOnProperty, tooFewLines } from '../operator-words.ts'
import { print, properties, readReference } from '../print.ts'
import { readTimes, scheduleChangeAnswer, scheduleLines, schedulePath } from '../schedule-words.ts'

/** `holdfast schedule NAME IMAGE…` and `holdfast unschedule NAME` */
export const run: RunCommand = async context => {
  const { command, words, options } = context
  const copies = readCopies(options['copies'])
  const isSet = command === 'schedule'
  const body = isSet ? readBody(context) : undefined
  const api = createAdminApi(await findAdmin(context))
  const answer = await api.change(
    isSet ? 'PUT' : 'DELETE',
    schedulePath(words[0] ?? ''),
    { query: { copies }, ...(body && { body }) },
    scheduleChangeAnswer,
  )
  print(context, answer, () => [
    `${answer.name} ${isSet ? 'recurs' : 'recurs no more'}`,
    ...(isSet ? scheduleLines(answer) : []),
    ...properties([storedOnProperty(answer.storedOn)]),
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
    note: options['note'],
    author: options['author'],
  }
}

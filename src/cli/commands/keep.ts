import { findAdmin } from '../admin-address.ts'
import { createAdminApi } from '../admin-api.ts'
import type { RunCommand } from '../command.ts'
import { keepPath } from '../keep-path.ts'
import { likelyBelow } from '../likely-tags.ts'
import { type KeepChangeAnswer, keepAnswer, keepChangeAnswer } from '../operator-answers.ts'
import {
  beforeLines,
  hasEnough,
  isWhat,
  mustHaveBeen,
  readCopies,
  saidProperties,
  storedOnProperty,
  tooFewLines,
} from '../operator-words.ts'
import { print, properties } from '../print.ts'
import { sayAgain } from '../standing-word.ts'

/** `holdfast keep` and `holdfast unkeep` */
export const run: RunCommand = async context => {
  const { command, words, options } = context
  const copies = readCopies(options['copies'])
  const isKeep = command === 'keep'
  const path = keepPath(words[0] ?? '')
  const api = createAdminApi(await findAdmin(context))
  const answer = await api.change(
    isKeep ? 'PUT' : 'DELETE',
    path,
    { query: { copies }, ...(isKeep && (await sayAgain(api, path, options, keepAnswer))) },
    keepChangeAnswer,
  )
  if (!isKeep) mustHaveBeen(answer, tellNotKept(answer))
  const isUnknown = isKeep && answer.tags === 0 && !answer.pattern.includes('*')
  const likely = isUnknown ? await likelyBelow(context, api, answer.pattern) : []
  print(context, answer, () => [
    `${answer.pattern} ${isKeep ? isWhat('is kept', answer) : 'is no longer kept'}`,
    ...properties([
      ['known tags', String(answer.tags)],
      ...saidProperties(answer),
      storedOnProperty(answer.storedOn),
    ]),
    ...beforeLines(answer),
    ...hint(answer, isKeep),
    ...likely.slice(1),
    ...tooFewLines(answer, copies),
  ])
  return hasEnough(answer, copies) ? 'ok' : 'noAnswer'
}

function tellNotKept({ pattern, configured }: KeepChangeAnswer): string {
  const cure = configured
    ? 'keep.patterns of this node has it: change the configuration'
    : '`holdfast keeps` lists what is kept'
  return `no operator said that ${pattern} is kept; ${cure}`
}

function hint({ pattern, configured, tags }: KeepChangeAnswer, isKeep: boolean): readonly string[] {
  if (!isKeep && configured) {
    return ['', 'keep.patterns of this node still keeps it: change the configuration there']
  }
  if (!isKeep || tags > 0) return []
  const cure = pattern.includes('*') ? '' : `: \`holdfast resolve ${pattern}\` makes it known`
  return ['', `no tag of it is known yet${cure}`]
}

import { formatReference } from '../../oci/reference.ts'
import { findAdmin } from '../admin-address.ts'
import { type AdminApi, createAdminApi } from '../admin-api.ts'
import { isAskable } from '../askable-registry.ts'
import type { CommandContext, RunCommand } from '../command.ts'
import { CommandFailure } from '../command-failure.ts'
import { keepPath } from '../keep-path.ts'
import { likelyLines } from '../likely-tags.ts'
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
import { print, properties, readReference } from '../print.ts'
import { readImageList } from '../read-image-list.ts'
import { apart, asOne, sayEach } from '../say-each.ts'
import { sayAgain } from '../standing-word.ts'
import type { Line } from '../table.ts'

/** `holdfast keep` and `holdfast unkeep` */
export const run: RunCommand = async context => {
  const copies = readCopies(context.options['copies'])
  const patterns = await readPatterns(context)
  // All of them first: nothing is said where one makes no sense.
  for (const pattern of patterns) keepPath(pattern)
  const api = createAdminApi(await findAdmin(context))
  const { command, options } = context
  const { answers, failure } = await sayEach(patterns, pattern => {
    const said = { api, path: keepPath(pattern), query: { copies } }
    return command === 'keep' ? keep(said, options) : unkeep(said)
  })
  if (answers.length > 0) {
    const lines = await linesOf(context, api, answers, copies)
    print(context, asOne(answers, patterns), () => lines)
  }
  if (failure !== undefined) throw failure
  return answers.every(answer => hasEnough(answer, copies)) ? 'ok' : 'noAnswer'
}

async function linesOf(
  context: CommandContext,
  api: AdminApi,
  answers: readonly KeepChangeAnswer[],
  copies: number | undefined,
): Promise<readonly Line[]> {
  const isKeep = context.command === 'keep'
  const told: (readonly Line[])[] = []
  for (const answer of answers) {
    const isUnknown = isKeep && answer.tags === 0 && !answer.pattern.includes('*')
    const likely = isUnknown ? await likelyLines(context, api, answer.pattern) : []
    const unknown = isUnknown ? [...(await tellUnknown(api, answer.pattern)), ...likely] : []
    told.push(tell(answer, { isKeep, unknown, copies }))
  }
  return apart(told)
}

/** Those that are typed are patterns, those of a list images. Throws `CommandFailure` with `usage`. */
async function readPatterns({ words, options }: CommandContext): Promise<readonly string[]> {
  const { list } = options
  const listed = list === undefined ? [] : await readImageList(list)
  const images = listed.map(word => formatReference(readReference(word)))
  const patterns = [...new Set([...words, ...images])]
  if (patterns.length > 0) return patterns
  throw new CommandFailure('usage', 'name a pattern, or a --list of images')
}

interface Said {
  readonly api: AdminApi
  readonly path: string
  readonly query: { readonly copies: number | undefined }
}

async function keep({ api, path, query }: Said, options: CommandContext['options']) {
  const said = await sayAgain(api, path, options, keepAnswer)
  return api.change('PUT', path, { query, ...said }, keepChangeAnswer)
}

/** Throws `CommandFailure`, also where it was never said. */
async function unkeep({ api, path, query }: Said): Promise<KeepChangeAnswer> {
  const answer = await api.change('DELETE', path, { query }, keepChangeAnswer)
  mustHaveBeen(answer, tellNotKept(answer))
  return answer
}

const tell = (
  answer: KeepChangeAnswer,
  {
    isKeep,
    unknown,
    copies,
  }: {
    readonly isKeep: boolean
    /** Of a tag that is known by name alone. */
    readonly unknown: readonly string[]
    readonly copies: number | undefined
  },
): readonly Line[] => [
  `${answer.pattern} ${isKeep ? isWhat('is kept', answer) : 'is no longer kept'}`,
  ...properties([
    ['known tags', String(answer.tags)],
    ...saidProperties(answer),
    storedOnProperty(answer.storedOn),
  ]),
  ...beforeLines(answer),
  ...hint(answer, isKeep),
  ...unknown,
  ...tooFewLines(answer, copies),
]

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
  const isNone = isKeep && tags === 0 && pattern.includes('*')
  return isNone ? ['', 'no tag of it is known yet'] : []
}

/** What makes a tag known. */
async function tellUnknown(api: AdminApi, pattern: string): Promise<readonly string[]> {
  const { registry } = readReference(pattern)
  const none = 'no tag of it is known yet'
  if (await isAskable(api, registry)) {
    return ['', `${none}: \`holdfast resolve ${pattern}\` makes it known`]
  }
  return [
    '',
    `${none}, and no upstream ${registry} is configured that could be asked for it`,
    '  name it under "upstreams", or bring the image with `holdfast import`',
  ]
}

import { keys } from '../config/keys.ts'
import type { CandidateKind } from './candidates.ts'
import type { Command, Option, Vocabulary } from './command.ts'

/** What may stand for a value: files, some words, what the node lists while somebody types, or what nobody can guess. */
export type Values = 'files' | 'unknown' | readonly string[] | Listed

/** What the node is asked for, and words that may stand there beside it. */
export interface Listed {
  readonly kind: CandidateKind
  readonly or: readonly string[]
}

/** An option as shells complete it. */
export interface CompletedOption {
  /** As they are typed: `--output`, `-o`. */
  readonly flags: readonly string[]
  readonly summary: string
  /** Absent: it takes none. */
  readonly values: Values | undefined
}

/** A command as shells complete it. */
export interface CompletedCommand {
  readonly name: string
  readonly summary: string
  readonly options: readonly CompletedOption[]
  /** What its first word may be. */
  readonly words: Values
  /** What the words after it may be. */
  readonly moreWords: Values
}

/** All that may be typed. */
export interface Completions {
  readonly commands: readonly CompletedCommand[]
  /** Of every command, and before any. */
  readonly options: readonly CompletedOption[]
  /** Commands of two words, by the first. */
  readonly groups: ReadonlyMap<string, readonly CompletedCommand[]>
}

const ofConfig = keys
  .filter(({ isGroup }) => !isGroup)
  .map(({ flag }): CompletedOption => ({ flags: [`--${flag}`], summary: '', values: 'unknown' }))

/** What a shell can be told of the commands and options. */
export function readCompletions({ commands, options }: Vocabulary): Completions {
  const completed = commands.map(
    (command): CompletedCommand => ({
      name: command.name,
      summary: command.summary,
      options: [
        ...command.options.map(completeOption),
        ...(command.name === 'serve' ? ofConfig : []),
      ],
      ...wordsOf(command),
    }),
  )
  const inGroups = completed.filter(({ name }) => name.includes(' '))
  const groups = Map.groupBy(inGroups, ({ name }) => name.slice(0, name.indexOf(' ')))
  return { commands: completed, options: options.map(completeOption), groups }
}

const completeOption = (option: Option): CompletedOption => ({
  flags: [`--${option.name}`, ...(option.short === undefined ? [] : [`-${option.short}`])],
  summary: option.summary,
  values: valuesOf(option),
})

/** Words of which one is to be chosen, as they are written in a usage. */
const choice = /^\[?([a-z0-9-]+(?:\|[a-z0-9-]+)+)/

function valuesOf({ value, oneOf }: Option): Values | undefined {
  if (value === undefined) return undefined
  if (oneOf !== undefined) return oneOf
  if (['FILE', 'DIR', 'BUNDLE'].includes(value)) return 'files'
  if (value.startsWith('NODE')) return listed('nodes', value.includes('|all') ? ['all'] : [])
  return choice.exec(value)?.[1]?.split('|') ?? 'unknown'
}

/** What a word of a usage stands for. */
const kinds: Readonly<Record<string, CandidateKind>> = {
  NODE: 'nodes',
  REF: 'tags',
  IMAGE: 'tags',
  REPO: 'repositories',
  ID: 'jobs',
  NAME: 'schedules',
}

/** Where it stands for less, or for something else. */
const ownKinds: Readonly<Record<string, CandidateKind>> = {
  pins: 'pins',
  unpin: 'pins',
  rollback: 'pins',
  keep: 'tags',
  unkeep: 'keeps',
  unban: 'bans',
  unblock: 'blocks',
}

const listed = (kind: CandidateKind, or: readonly string[] = []): Listed => ({ kind, or })

/** What may stand after a command's name. */
function wordsOf({
  name,
  usage,
  words: { max },
}: Pick<Command, 'name' | 'usage' | 'words'>): Pick<CompletedCommand, 'words' | 'moreWords'> {
  const [first = '', second = ''] = usage.split(' ').map(word => /[A-Z]+/.exec(word)?.[0] ?? '')
  if (first === 'FILE') return { words: 'files', moreWords: 'unknown' }
  const kind = ownKinds[name] ?? kinds[first]
  if (kind === undefined) {
    return { words: choice.exec(usage)?.[1]?.split('|') ?? 'unknown', moreWords: 'unknown' }
  }
  // Of a command of one word it is that one wherever it stands, between options, too.
  const next = max === 2 ? undefined : (kinds[second] ?? kind)
  return { words: listed(kind), moreWords: next === undefined ? 'unknown' : listed(next) }
}

/** Tells values apart. */
export const keyOf = (values: Values | undefined): string => JSON.stringify(values) ?? ''

/** Whether the node is asked for them. */
export const isListed = (values: Values): values is Listed =>
  typeof values === 'object' && 'kind' in values

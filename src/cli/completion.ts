import { keys } from '../config/keys.ts'
import type { Option, Vocabulary } from './command.ts'
import { bashScript } from './complete-bash.ts'
import { fishScript } from './complete-fish.ts'
import { zshScript } from './complete-zsh.ts'

/** Shells that can be told what may be typed. */
export const shells = ['bash', 'zsh', 'fish'] as const
export type Shell = (typeof shells)[number]

/** What may stand for a value: files, names of nodes, some words, or what nobody can guess. */
export type Values = 'files' | 'nodes' | 'nodes or all' | 'unknown' | readonly string[]

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
}

/** All that may be typed. */
export interface Completions {
  readonly commands: readonly CompletedCommand[]
  /** Of every command, and before any. */
  readonly options: readonly CompletedOption[]
  /** Commands of two words, by the first. */
  readonly groups: ReadonlyMap<string, readonly CompletedCommand[]>
}

/** A script that has a shell complete names of commands and options, and the values that can be known. */
export function completionScript(shell: Shell, vocabulary: Vocabulary): string {
  const completions = readVocabulary(vocabulary)
  return { bash: bashScript, zsh: zshScript, fish: fishScript }[shell](completions)
}

const ofConfig = keys
  .filter(({ isGroup }) => !isGroup)
  .map(({ flag }): CompletedOption => ({ flags: [`--${flag}`], summary: '', values: 'unknown' }))

function readVocabulary({ commands, options }: Vocabulary): Completions {
  const completed = commands.map(
    (command): CompletedCommand => ({
      name: command.name,
      summary: command.summary,
      options: [
        ...command.options.map(completeOption),
        ...(command.name === 'serve' ? ofConfig : []),
      ],
      words: wordsOf(command.usage),
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
  if (value.startsWith('NODE')) return value.includes('|all') ? 'nodes or all' : 'nodes'
  return choice.exec(value)?.[1]?.split('|') ?? 'unknown'
}

function wordsOf(usage: string): Values {
  if (usage.startsWith('FILE')) return 'files'
  if (usage.startsWith('NODE')) return 'nodes'
  return choice.exec(usage)?.[1]?.split('|') ?? 'unknown'
}

import { parseArgs } from 'node:util'
import { type Flag, isConfigFlag, isSwitch } from '../config/flags.ts'
import { keys } from '../config/keys.ts'
import { nearest } from '../config/nearest.ts'
import type { Command, Option } from './command.ts'
import { CommandFailure } from './command-failure.ts'
import { commands, findCommand, globalOptions, optionsOf } from './commands.ts'

/** A command line, taken apart. */
export interface CommandLine {
  /** `undefined`: none was named. */
  readonly command: Command | undefined
  /** Help is asked for of the commands whose names begin with this word. */
  readonly group?: string | undefined
  readonly words: readonly string[]
  readonly options: Readonly<Record<string, string>>
  /** Keys of the configuration. */
  readonly flags: readonly Flag[]
}

/** `--watch 5` is an option and a word; who writes it means `--watch=5`. Throws `CommandFailure` with `usage`. */
function checkApart(tokens: NonNullable<ReturnType<typeof parseArgs>['tokens']>): void {
  for (const [at, token] of tokens.entries()) {
    const next = tokens[at + 1]
    if (token.kind !== 'option' || token.value !== undefined) continue
    if (next?.kind !== 'positional' || !/^\d+(?:\.\d+)?s?$/.test(next.value)) continue
    const isOptional = commands
      .flatMap(optionsOf)
      .some(({ name, optionalValue }) => name === token.name && optionalValue !== undefined)
    if (!isOptional) continue
    const cure = `write ${token.rawName}=${next.value}`
    throw new CommandFailure(
      'usage',
      `the value of ${token.rawName} is joined to it by an equals sign: ${cure}`,
    )
  }
}

interface Given {
  readonly name: string
  readonly rawName: string
  readonly text: string | undefined
}

/** Takes a command line apart. Throws `CommandFailure` with `usage`. */
export function parseCommandLine(argv: readonly string[]): CommandLine {
  const { positionals, tokens } = parseArgs({
    args: [...argv],
    options: parserOptions(),
    strict: false,
    allowPositionals: true,
    tokens: true,
  })
  const isHelp = positionals[0] === 'help'
  const [name, ...words] = joinName(isHelp ? positionals.slice(1) : positionals)
  const given = tokens.filter(token => token.kind === 'option').map(asGiven)
  checkApart(tokens)
  const wantsHelp = isHelp || given.some(one => one.name === 'help')
  const group = wantsHelp && name !== undefined && below(name).length > 0 ? name : undefined
  const command = name === undefined || group !== undefined ? undefined : known(name, words[0])
  const taken = command === undefined ? globalOptions : optionsOf(command)
  for (const one of given) check(one, taken, command)
  const own = given.filter(({ name }) => taken.some(option => option.name === name))
  const options = Object.fromEntries(own.map(({ name, text = 'true' }) => [name, text]))
  const flags = given.filter(({ name }) => !Object.hasOwn(options, name)).map(asFlag)
  return { command, group, words, options: isHelp ? { ...options, help: 'true' } : options, flags }
}

/** Some commands have a name of two words. */
function joinName(words: readonly string[]): readonly string[] {
  const [first, second, ...rest] = words
  const name = `${first} ${second}`
  return commands.some(one => one.name === name) ? [name, ...rest] : words
}

/** Tells `parseArgs` which options are followed by a value. The keys of the configuration are options everywhere. */
function parserOptions() {
  const own = commands
    .flatMap(optionsOf)
    .map(({ name, short, value }): [string, ParserOption] => [
      name,
      { type: value === undefined ? 'boolean' : 'string', ...(short !== undefined && { short }) },
    ])
  const flagNames = keys.flatMap(({ flag, path }) => [flag, path.join('.')])
  const ofConfig = flagNames.map((name): [string, ParserOption] => [
    name,
    { type: isSwitch(name) ? 'boolean' : 'string' },
  ])
  return Object.fromEntries([...ofConfig, ...own])
}

interface ParserOption {
  readonly type: 'string' | 'boolean'
  readonly short?: string
}

const asGiven = (token: { name: string; rawName: string; value: string | undefined }): Given => ({
  name: token.name,
  rawName: token.rawName,
  text: token.value,
})

/** `--no-store.complete-tags` is `--store.complete-tags=false`. */
function asFlag({ name, text }: Given): Flag {
  return isNegated(name) ? { name: name.slice('no-'.length), text: 'false' } : { name, text }
}

const isNegated = (name: string): boolean => name.startsWith('no-') && isSwitch(name.slice(3))

/** Commands of two words of which this is the first. */
const below = (name: string): readonly Command[] =>
  commands.filter(one => one.name.startsWith(`${name} `))

/** @param next the word after it */
function known(name: string, next: string | undefined): Command {
  const command = findCommand(name)
  if (command !== undefined) return command
  const longer = below(name)
  const meant = next === undefined ? undefined : nearest(`${name} ${next}`, namesOf(longer))
  if (meant !== undefined) {
    const typed = JSON.stringify(`${name} ${next}`)
    throw new CommandFailure('usage', `${typed} is no command; did you mean ${meant}?`)
  }
  if (longer.length > 0) {
    const names = longer.map(one => `holdfast ${one.name}`).join(', ')
    throw new CommandFailure('usage', `${JSON.stringify(name)} wants one word more: ${names}`)
  }
  const near = nearest(name, namesOf(commands))
  const cure = near === undefined ? 'holdfast --help lists the commands' : `did you mean ${near}?`
  throw new CommandFailure('usage', `${JSON.stringify(name)} is no command; ${cure}`)
}

const namesOf = (some: readonly Command[]): readonly string[] => some.map(({ name }) => name)

function check(given: Given, taken: readonly Option[], command: Command | undefined): void {
  checkName(given, taken, command)
  checkValue(
    given,
    taken.find(one => one.name === given.name),
  )
}

function checkName(given: Given, taken: readonly Option[], command: Command | undefined): void {
  const { name, rawName, text } = given
  const option = taken.find(one => one.name === name)
  // An option of other commands is no key where a node is asked: `--node`.
  const isOfOthers = command?.asks === true && isOfCommand(name)
  const isKey = isConfigFlag(name) || (isNegated(name) && text === undefined)
  const isOfConfig = isKey && !isOfOthers
  if (option === undefined && !isOfConfig) throw unknown(rawName, name, taken, command)
}

/** @param option absent: it is a key of the configuration */
function checkValue({ name, rawName, text }: Given, option: Option | undefined): void {
  const takesNone = option !== undefined && option.value === undefined
  if (takesNone && text !== undefined && option.optionalValue === undefined)
    throw new CommandFailure('usage', `${rawName} takes no value`)
  const needsOne = option === undefined ? isConfigFlag(name) && !isSwitch(name) : !takesNone
  if (needsOne && (text === undefined || text.startsWith('--'))) {
    throw new CommandFailure('usage', `${rawName} needs a value`)
  }
}

/** Whether some command has it. */
const isOfCommand = (name: string): boolean =>
  commands.some(command => optionsOf(command).some(option => option.name === name))

function unknown(
  rawName: string,
  name: string,
  taken: readonly Option[],
  command: Command | undefined,
): CommandFailure {
  const help = command === undefined ? 'holdfast --help' : `holdfast ${command.name} --help`
  if (command !== undefined && isOfCommand(name)) {
    const cure =
      name === 'node'
        ? 'it tells of the mesh as the node knows it that --address names'
        : `${help} lists those it has`
    return new CommandFailure('usage', `${rawName} is no option of ${command.name}; ${cure}`)
  }
  const names = [...taken.map(option => option.name), ...keys.map(key => key.flag)]
  const near = nearest(name, names)
  const cure = near === undefined ? `${help} lists the options` : `did you mean --${near}?`
  return new CommandFailure('usage', `${rawName} is no option; ${cure}`)
}

import { describeKey } from '../config/commented-file.ts'
import { otherVariables } from '../config/environment.ts'
import { keys } from '../config/keys.ts'
import type { Command, Option } from './command.ts'
import { askingOptions, commands, globalOptions, optionsOf, watchOption } from './commands.ts'
import { type ExitCode, exitCodes } from './exit-codes.ts'
import { topics } from './topics.ts'

const width = 100

/** What `holdfast --help` prints. */
export function globalHelp(): string {
  return [
    'holdfast: offline-first tag-resolution cache for container images',
    '',
    'It remembers which digest every tag pointed to, asks the real registry under a strict deadline,',
    'and answers at once with the last known good digest when the registry cannot be reached.',
    '',
    'Usage: holdfast COMMAND [OPTION]…',
    '',
    ...topicTable(),
    'Options of every command:',
    ...optionTable(globalOptions),
    '',
    'Options of every command that asks a node:',
    ...optionTable([...askingOptions, watchOfSome()]),
    '',
    'Every key of the configuration is an option and a variable too:',
    '  --resolve.timeout-ms 500   HOLDFAST_RESOLVE__TIMEOUT_MS=500   resolve: { timeoutMs: 500 }',
    'Flags override the environment, and that overrides the file. `holdfast serve --help` lists the keys.',
    '',
    'Other variables:',
    ...table(Object.entries(otherVariables)),
    '',
    'Exit codes:',
    ...exitCodeTable(Object.keys(exitCodes) as ExitCode[]),
    '',
    '`holdfast COMMAND --help` tells more.',
    '',
  ].join('\n')
}

/** Not every answer changes. */
function watchOfSome(): Option {
  const watchable = commands.filter(({ isWatchable }) => isWatchable === true)
  const names = watchable
    .map(({ name }) => name)
    .sort()
    .join(', ')
  return { ...watchOption, summary: `${watchOption.summary}; of ${names}` }
}

/** Every command under what it is about; all tables are as wide as the longest name. */
function topicTable(): string[] {
  const room = Math.max(...commands.map(({ name }) => name.length))
  return topics.flatMap(([title, firstWords]) => {
    const members = firstWords.flatMap(word =>
      commands.filter(({ name }) => name.split(' ')[0] === word),
    )
    const rows = members.map(({ name, summary }) => [name.padEnd(room), summary] as const)
    return [`${title}:`, ...table(rows), '']
  })
}

/** What `holdfast WORD --help` prints, where commands begin with that word. */
export function groupHelp(group: string): string {
  const members = commands.filter(({ name }) => name.startsWith(`${group} `))
  return [
    `Usage: holdfast ${group} COMMAND [OPTION]…`,
    '',
    'Commands:',
    ...table(members.map(({ name, summary }) => [name, summary])),
    '',
    `\`holdfast ${group} COMMAND --help\` tells more.`,
    '',
  ].join('\n')
}

/** What `holdfast COMMAND --help` prints. */
export function commandHelp(command: Command): string {
  return [
    `Usage: ${['holdfast', command.name, command.usage].join(' ').trim()}`,
    '',
    ...command.description.split('\n').flatMap(line => wrap(line, '')),
    '',
    'Options:',
    ...optionTable(optionsOf(command)),
    ...(command.name === 'serve' ? ['', 'Keys and their defaults:', ...keyTable()] : []),
    '',
    'Examples:',
    ...command.examples.flatMap(({ line, does }) => [
      `  ${line}`,
      ...(does === '' ? [] : [`      ${does}`]),
    ]),
    '',
    'Exit codes:',
    ...exitCodeTable(command.exitCodes),
    '',
  ].join('\n')
}

function optionTable(options: readonly Option[]): string[] {
  return table(
    options.map(({ name, short, value, optionalValue, summary }) => {
      const long = optionalValue === undefined ? `--${name}` : `--${name}[=${optionalValue}]`
      const names = [...(short === undefined ? [] : [`-${short}`]), long].join(', ')
      return [value === undefined ? names : `${names} ${value}`, summary]
    }),
  )
}

/** Keys that have a value of their own; groups are their keys. */
function keyTable(): string[] {
  return keys
    .filter(({ isGroup }) => !isGroup)
    .flatMap(({ flag, schema }) => [
      `  --${flag}${writtenDefault(schema.default)}`,
      ...wrap(describeKey(schema), '      '),
    ])
}

const writtenDefault = (value: unknown): string =>
  value === undefined ? '' : ` ${typeof value === 'string' ? value : JSON.stringify(value)}`

const exitCodeTable = (names: readonly ExitCode[]): string[] =>
  table(
    names
      .map(name => exitCodes[name])
      .sort((a, b) => a.code - b.code)
      .map(({ code, meaning }) => [String(code), meaning]),
  )

function table(rows: readonly (readonly [string, string])[]): string[] {
  const first = Math.max(...rows.map(([left]) => left.length))
  return rows.flatMap(([left, right]) => {
    const [line = '', ...rest] = wrap(right, ' '.repeat(first + 5))
    return [`  ${left.padEnd(first)}   ${line.trimStart()}`, ...rest]
  })
}

function wrap(text: string, indent: string): string[] {
  const lines: string[] = []
  let line = indent
  for (const word of text.split(' ')) {
    if (line.length > indent.length && line.length + word.length > width) {
      lines.push(line.trimEnd())
      line = indent
    }
    line += `${word} `
  }
  return [...lines, line.trimEnd()]
}

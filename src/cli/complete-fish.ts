import {
  type CompletedCommand,
  type CompletedOption,
  type Completions,
  isListed,
  keyOf,
  type Values,
} from './completions.ts'

/** For fish: a line for each thing that may be typed, with what it does. */
export function fishScript({ commands, options, groups }: Completions): string {
  const lines = [
    ...[...groups].map(
      ([group, members]) =>
        `${atFirst} -f -a ${group} -d ${quoted(members.map(secondWord).join(', '))}`,
    ),
    ...commands.flatMap(command => commandLines(command, { options, groups })),
    ...options.map(option => generalLine(option, { commands, options })),
  ]
  return lines.map(line => `complete -c holdfast ${line}\n`).join('')
}

const atFirst = '-n __fish_use_subcommand'

function commandLines(
  command: CompletedCommand,
  { options, groups }: Pick<Completions, 'options' | 'groups'>,
): string[] {
  const { name, summary, words } = command
  const [first = '', second] = name.split(' ')
  const others = groups.get(first)?.map(secondWord) ?? []
  const [isHere, place] =
    second === undefined
      ? [`${isSeen(first)}; and not ${isSeen(...groups.keys())}`, atFirst]
      : [
          `${isSeen(first)}; and ${isSeen(second)}`,
          `-n "${isSeen(first)}; and not ${isSeen(...others)}"`,
        ]
  return [
    `${place} -f -a ${second ?? first} -d ${quoted(summary)}`,
    `-n "${isHere}" ${words === 'unknown' ? '-f' : offered(words)}`,
    ...ownOptions(command, options).map(option => `-n "${isHere}" ${told(option)}`),
  ]
}

/** An option of every command, but those that mean something else by it. */
function generalLine(
  option: CompletedOption,
  { commands, options }: Pick<Completions, 'commands' | 'options'>,
): string {
  const differing = commands.filter(command =>
    ownOptions(command, options).some(({ flags }) => flags[0] === option.flags[0]),
  )
  const names = differing.map(({ name }) => name)
  return `${names.length === 0 ? '' : `-n "not ${isSeen(...names)}" `}${told(option)}`
}

const isSeen = (...words: readonly string[]): string =>
  `__fish_seen_subcommand_from ${words.join(' ')}`

const secondWord = ({ name }: CompletedCommand): string => name.slice(name.indexOf(' ') + 1)

/** Those that not every command has, or that mean something else here. */
const ownOptions = (
  command: CompletedCommand,
  general: readonly CompletedOption[],
): readonly CompletedOption[] =>
  command.options.filter(
    ({ flags, values }) =>
      !general.some(one => one.flags[0] === flags[0] && keyOf(one.values) === keyOf(values)),
  )

function told({ flags: [long = '', short], summary, values }: CompletedOption): string {
  const word = `-l ${long.slice(2)}${short === undefined ? '' : ` -s ${short.slice(1)}`}`
  const value = values === undefined ? '' : values === 'unknown' ? ' -x' : ` -r ${offered(values)}`
  return `${word}${value} -d ${quoted(summary)}`
}

/** What may stand there. */
function offered(values: Exclude<Values, 'unknown'>): string {
  if (values === 'files') return '-F'
  if (!isListed(values)) return `-f -a ${quoted(values.join(' '))}`
  const asked = `(holdfast __complete ${values.kind} (commandline -ct) 2>/dev/null)`
  return `-f -a ${quoted([asked, ...values.or].join(' '))}`
}

const quoted = (text: string): string => `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`

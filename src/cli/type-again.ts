import type { CommandContext } from './command.ts'

/** What an operator typed, and would have to type. */
export interface Typed {
  /** The command line of a run, otherwise as changes say. */
  readonly again: (changes: Parameters<typeof typeAgain>[1]) => string
  /** The file that names the images; `undefined`: none names them all. */
  readonly list: string | undefined
}

/** What says how a result is shown, and nothing of what is asked. */
const ofShowing: ReadonlySet<string> = new Set(['output', 'watch'])

/** Words that a shell takes as they are. */
const plain = /^[\w@%+=:,./-]+$/

/** A word as it is typed for a shell. */
export const inShell = (word: string): string =>
  plain.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`

/**
 * The command line once more, to be typed or copied.
 *
 * @param changes what is to be otherwise: options by name, `'true'` of a switch, `undefined` of what is left out
 */
export function typeAgain(
  {
    command,
    words,
    options,
    flags,
  }: Pick<CommandContext, 'command' | 'words' | 'options' | 'flags'>,
  changes: Readonly<Record<string, string | undefined>> = {},
): string {
  const given = Object.entries({ ...options, ...changes }).flatMap(([name, value]) => {
    if (value === undefined || ofShowing.has(name)) return []
    return value === 'true' ? [`--${name}`] : [`--${name}`, value]
  })
  const keys = flags.flatMap(({ name, text }) => [
    `--${name}`,
    ...(text === undefined ? [] : [text]),
  ])
  return ['holdfast', command, ...words, ...given, ...keys].map(inShell).join(' ')
}

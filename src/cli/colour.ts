import type { CommandContext } from './command.ts'

/** Gives a text the colour of the state that it tells; one that tells none stays as it is. */
export type Paint = (text: string) => string

/** Columns whose cells tell a state, by their heads. */
export const stateHeads: ReadonlySet<string> = new Set(['STATE', 'VERDICT', 'STANDING', 'OUTCOME'])

/** What a state begins with, the first that fits. */
const colours: readonly (readonly [state: RegExp, code: number])[] = [
  [/^(not ready|gone|banned|does not answer|blocked|damaged|failed|refused)/, 31],
  [
    /^(at risk|suspect|expired|in-force,|incomplete|\d+ blobs? missing|manifest not held|not |left)/,
    33,
  ],
  [/^(ready|alive|answers|in-force|complete|restored|as before)/, 32],
]

const paint: Paint = text => {
  const code = colours.find(([state]) => state.test(text))?.[1]
  return code === undefined ? text : `\x1b[${code}m${text}\x1b[0m`
}

/** Paints on a terminal alone, and not where `NO_COLOR` (https://no-color.org) is set. */
export function paintOf({
  terminal,
  env,
}: Pick<CommandContext, 'terminal' | 'env'>): Paint | undefined {
  const isWanted = (env['NO_COLOR'] ?? '') === '' && env['TERM'] !== 'dumb'
  return isWanted && terminal.size?.() !== undefined ? paint : undefined
}

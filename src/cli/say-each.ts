import { CommandFailure } from './command-failure.ts'
import type { Line } from './table.ts'

/** What came of words that were said one after another, up to the first that failed. */
export interface SaidEach<T> {
  readonly answers: readonly T[]
  /** Of the one that failed; it tells what was left as it is because of it. */
  readonly failure?: unknown
}

/** Words with what they name, in their order: of several that name the same, the first. */
export function oneEach(words: readonly string[], named: readonly string[]): Map<string, string> {
  const firsts = words.filter((_, at) => named.indexOf(named[at] ?? '') === at)
  return new Map(firsts.map(word => [word, named[words.indexOf(word)] ?? word]))
}

/** Says one after another, up to the first that fails. What was said before is to be shown in any case. */
export async function sayEach<T>(
  words: readonly string[],
  say: (word: string) => Promise<T>,
): Promise<SaidEach<T>> {
  const answers: T[] = []
  for (const word of words) {
    try {
      answers.push(await say(word))
    } catch (error) {
      return { answers, failure: withRest(error, words.slice(answers.length)) }
    }
  }
  return { answers }
}

/** @param rest the one that failed, and those after it */
function withRest(error: unknown, [failed, ...rest]: readonly string[]): unknown {
  if (!(error instanceof CommandFailure) || rest.length === 0) return error
  const { code, message, said } = error
  const apart = message.includes('\n') ? '\n' : '; '
  const told = `${message}${apart}this came of ${failed}, and what was named after it was left as it is: ${rest.join(' ')}`
  return new CommandFailure(code, told, error, said)
}

/** What is printed as JSON: of one word its answer, of several a list of them. */
export const asOne = <T>(answers: readonly T[], words: readonly string[]) =>
  words.length === 1 ? answers[0] : { items: answers }

/** The lines of each, with an empty one between them. */
export const apart = (told: readonly (readonly Line[])[]): readonly Line[] =>
  told.flatMap((lines, at) => (at === 0 ? lines : ['', ...lines]))

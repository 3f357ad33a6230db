import type { Vocabulary } from './command.ts'
import { bashScript } from './complete-bash.ts'
import { fishScript } from './complete-fish.ts'
import { zshScript } from './complete-zsh.ts'
import { readCompletions } from './completions.ts'

/** Shells that can be told what may be typed. */
export const shells = ['bash', 'zsh', 'fish'] as const
export type Shell = (typeof shells)[number]

/** A script that has a shell complete names of commands and options, and the values that can be known. */
export function completionScript(shell: Shell, vocabulary: Vocabulary): string {
  const completions = readCompletions(vocabulary)
  return { bash: bashScript, zsh: zshScript, fish: fishScript }[shell](completions)
}

import type { RunCommand } from '../command.ts'
import { CommandFailure } from '../command-failure.ts'
import { completionScript, shells } from '../completion.ts'

/** `holdfast completion SHELL` */
export const run: RunCommand = async ({ vocabulary, terminal, words: [word] }) => {
  const shell = shells.find(one => one === word)
  if (shell === undefined) {
    const known = shells.join(', ')
    throw new CommandFailure('usage', `${JSON.stringify(word)} is none of ${known}`)
  }
  terminal.out(completionScript(shell, vocabulary))
  return 'ok'
}

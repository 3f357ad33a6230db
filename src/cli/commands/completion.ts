import type { RunCommand } from '../command.ts'
import { CommandFailure } from '../command-failure.ts'
import { completionScript, shells } from '../completion.ts'

/** `holdfast completion SHELL` */
export const run: RunCommand = async ({ words: [word], vocabulary, terminal }) => {
  const shell = shells.find(one => one === word)
  if (shell === undefined) {
    throw new CommandFailure('usage', `${JSON.stringify(word)} is none of ${shells.join(', ')}`)
  }
  terminal.out(completionScript(shell, vocabulary))
  return 'ok'
}

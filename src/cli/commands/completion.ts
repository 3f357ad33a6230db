import { findAdmin } from '../admin-address.ts'
import { createAdminApi } from '../admin-api.ts'
import type { RunCommand } from '../command.ts'
import { CommandFailure } from '../command-failure.ts'
import { completionScript, shells } from '../completion.ts'
import { nodesAnswer } from '../node-answers.ts'

/** Stands for the names of nodes, which scripts ask for while somebody types. */
const nodesWord = 'nodes'

/** `holdfast completion SHELL|nodes` */
export const run: RunCommand = async context => {
  const { vocabulary, terminal } = context
  const [word] = context.words
  if (word === nodesWord) {
    const api = createAdminApi(await findAdmin(context))
    const { items } = await api.get('/api/v1/nodes', {}, nodesAnswer)
    const names = items.filter(({ state }) => state !== 'banned').map(({ name }) => name)
    terminal.out([...new Set(names)].map(name => `${name}\n`).join(''))
    return 'ok'
  }
  const shell = shells.find(one => one === word)
  if (shell === undefined) {
    const known = shells.join(', ')
    throw new CommandFailure('usage', `${JSON.stringify(word)} is none of ${known}`)
  }
  terminal.out(completionScript(shell, vocabulary))
  return 'ok'
}

import { findAdmin } from '../admin-address.ts'
import { createAdminApi } from '../admin-api.ts'
import type { RunCommand } from '../command.ts'
import { pinRemovalAnswer } from '../operator-answers.ts'
import { hasEnough, mustHaveBeen, readCopies } from '../operator-words.ts'
import { pinLines, pinPath } from '../pin-words.ts'
import { print } from '../print.ts'

/** `holdfast unpin REF` */
export const run: RunCommand = async context => {
  const path = pinPath(context.words[0] ?? '')
  const copies = readCopies(context.options['copies'])
  const api = createAdminApi(await findAdmin(context))
  const answer = await api.change('DELETE', path, { query: { copies } }, pinRemovalAnswer)
  mustHaveBeen(answer, `${answer.reference} is not pinned; \`holdfast pins\` lists what is`)
  print(context, answer, () => pinLines(answer, copies))
  return hasEnough(answer, copies) ? 'ok' : 'noAnswer'
}

import { findAdmin } from '../admin-address.ts'
import { createAdminApi } from '../admin-api.ts'
import type { RunCommand } from '../command.ts'
import { askOfTag } from '../likely-tags.ts'
import { pinRemovalAnswer } from '../operator-answers.ts'
import { hasEnough, mustHaveBeen, readCopies } from '../operator-words.ts'
import { pinLines, pinPath } from '../pin-words.ts'
import { print } from '../print.ts'

/** `holdfast unpin REF` */
export const run: RunCommand = async context => {
  const [word = ''] = context.words
  const path = pinPath(word)
  const copies = readCopies(context.options['copies'])
  const api = createAdminApi(await findAdmin(context))
  const answer = await askOfTag(api, word, async () => {
    const removal = await api.change('DELETE', path, { query: { copies } }, pinRemovalAnswer)
    mustHaveBeen(removal, `${removal.reference} is not pinned; \`holdfast pins\` lists what is`)
    return removal
  })
  print(context, answer, () => pinLines(answer, copies))
  return hasEnough(answer, copies) ? 'ok' : 'noAnswer'
}

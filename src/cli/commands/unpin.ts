import { findAdmin } from '../admin-address.ts'
import { createAdminApi } from '../admin-api.ts'
import type { RunCommand } from '../command.ts'
import { askOfTag } from '../likely-tags.ts'
import { pinRemovalAnswer } from '../operator-answers.ts'
import { hasEnough, mustHaveBeen, readCopies } from '../operator-words.ts'
import { pinLines, pinPath } from '../pin-words.ts'
import { print } from '../print.ts'
import { apart, asOne, oneEach, sayEach } from '../say-each.ts'

/** `holdfast unpin REF…` */
export const run: RunCommand = async context => {
  // All of them first: nothing is said where one is no tag.
  const paths = oneEach(context.words, context.words.map(pinPath))
  const words = [...paths.keys()]
  const copies = readCopies(context.options['copies'])
  const api = createAdminApi(await findAdmin(context))
  const { answers, failure } = await sayEach(words, word =>
    askOfTag(api, word, async () => {
      const query = { copies }
      const removal = await api.change('DELETE', pinPath(word), { query }, pinRemovalAnswer)
      mustHaveBeen(removal, `${removal.reference} is not pinned; \`holdfast pins\` lists what is`)
      return removal
    }),
  )
  if (answers.length > 0) {
    const told = () => apart(answers.map(answer => pinLines(answer, copies)))
    print(context, asOne(answers, words), told)
  }
  if (failure !== undefined) throw failure
  return answers.every(answer => hasEnough(answer, copies)) ? 'ok' : 'noAnswer'
}

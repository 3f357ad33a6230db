import { findAdmin } from '../admin-address.ts'
import { createAdminApi } from '../admin-api.ts'
import type { RunCommand } from '../command.ts'
import { askOfTag } from '../likely-tags.ts'
import { hasEnough, readCopies, storedOnProperty, tooFewLines } from '../operator-words.ts'
import { print, properties } from '../print.ts'
import { forgetAnswer } from '../tag-answers.ts'
import { tagPath } from '../tag-words.ts'

/** `holdfast forget REF` */
export const run: RunCommand = async context => {
  const [word = ''] = context.words
  const path = tagPath(word)
  const copies = readCopies(context.options['copies'])
  const api = createAdminApi(await findAdmin(context))
  const answer = await askOfTag(api, word, () =>
    api.change('DELETE', path, { query: { copies } }, forgetAnswer),
  )
  const { reference, forgotten, pinnedDigest, storedOn } = answer
  print(context, answer, () => [
    `${reference} is forgotten`,
    ...properties([['it was', forgotten], storedOnProperty(storedOn)]),
    ...(pinnedDigest == null ? [] : ['', `it is pinned: clients still get ${pinnedDigest}`]),
    ...tooFewLines(answer, copies),
  ])
  return hasEnough(answer, copies) ? 'ok' : 'noAnswer'
}

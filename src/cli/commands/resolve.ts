import { formatReference } from '../../oci/reference.ts'
import { findAdmin } from '../admin-address.ts'
import { createAdminApi } from '../admin-api.ts'
import { resolveAnswer } from '../answers.ts'
import type { RunCommand } from '../command.ts'
import { likelyBelow } from '../likely-tags.ts'
import { print, readReference } from '../print.ts'
import { resolutionLines } from '../resolution-words.ts'

/** `holdfast resolve REF` */
export const run: RunCommand = async context => {
  const [word = ''] = context.words
  const ref = formatReference(readReference(word))
  const explain = context.options['explain'] !== undefined || undefined
  const api = createAdminApi(await findAdmin(context))
  const answer = await api.get('/api/v1/resolve', { ref, explain }, resolveAnswer)
  const likely = answer.found ? [] : await likelyBelow(context, api, word)
  print(context, answer, () => [answer.reference, ...resolutionLines(answer), ...likely])
  return answer.found ? 'ok' : 'noAnswer'
}

import { formatReference } from '../../oci/reference.ts'
import { findAdmin } from '../admin-address.ts'
import { createAdminApi } from '../admin-api.ts'
import { resolveAnswer } from '../answers.ts'
import type { RunCommand } from '../command.ts'
import { print, readReference } from '../print.ts'
import { resolutionLines } from '../resolution-words.ts'

/** `holdfast resolve REF` */
export const run: RunCommand = async context => {
  const ref = formatReference(readReference(context.words[0] ?? ''))
  const explain = context.options['explain'] !== undefined || undefined
  const api = createAdminApi(await findAdmin(context))
  const answer = await api.get('/api/v1/resolve', { ref, explain }, resolveAnswer)
  print(context, answer, () => [answer.reference, ...resolutionLines(answer)])
  return answer.found ? 'ok' : 'noAnswer'
}

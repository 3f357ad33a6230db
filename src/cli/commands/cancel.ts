import { findAdmin } from '../admin-address.ts'
import { createAdminApi } from '../admin-api.ts'
import type { RunCommand } from '../command.ts'
import { jobChangeAnswer } from '../job-answers.ts'
import { hasEnough, readCopies, storedOnProperty, tooFewLines } from '../operator-words.ts'
import { print, properties } from '../print.ts'

/** `holdfast cancel ID` */
export const run: RunCommand = async context => {
  const copies = readCopies(context.options['copies'])
  const api = createAdminApi(await findAdmin(context))
  const path = `/api/v1/jobs/${encodeURIComponent(context.words[0] ?? '')}`
  const answer = await api.change('DELETE', path, { query: { copies } }, jobChangeAnswer)
  print(context, answer, () => [
    `${answer.id} ${answer.removed ? 'was over, and is no longer listed' : 'is called off'}`,
    ...properties([storedOnProperty(answer.storedOn)]),
    ...tooFewLines(answer, copies),
  ])
  return hasEnough(answer, copies) ? 'ok' : 'noAnswer'
}

import { stringify } from 'yaml'
import { findAdmin } from '../admin-address.ts'
import { createAdminApi } from '../admin-api.ts'
import { statusAnswer } from '../answers.ts'
import type { RunCommand } from '../command.ts'
import { print } from '../print.ts'

/** `holdfast status` */
export const run: RunCommand = async context => {
  const api = createAdminApi(await findAdmin(context))
  const answer = await api.get('/api/v1/status', {}, statusAnswer)
  print(context, answer, () => [stringify(answer).trimEnd()])
  return 'ok'
}

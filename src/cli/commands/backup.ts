import { findAdmin } from '../admin-address.ts'
import { createAdminApi } from '../admin-api.ts'
import { backupAnswer } from '../backup-answers.ts'
import type { RunCommand } from '../command.ts'

/** `holdfast backup` */
export const run: RunCommand = async context => {
  const api = createAdminApi(await findAdmin(context))
  const document = await api.get('/api/v1/backup', {}, backupAnswer)
  const write = context.write ?? (value => `${JSON.stringify(value, null, 2)}\n`)
  context.terminal.out(write(document))
  return 'ok'
}

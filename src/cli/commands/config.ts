import { stringify } from 'yaml'
import { findAdmin } from '../admin-address.ts'
import { createAdminApi } from '../admin-api.ts'
import type { RunCommand } from '../command.ts'
import { type ConfigAnswer, configAnswer } from '../node-answers.ts'
import { nodePath } from '../node-words.ts'
import { print } from '../print.ts'

/** `holdfast config` */
export const run: RunCommand = async context => {
  const path = nodePath(context, 'config')
  const api = createAdminApi(await findAdmin(context))
  const answer = await api.get(path, {}, configAnswer)
  print(context, answer, () => lines(answer))
  return 'ok'
}

/** YAML; what was changed since it was read is a comment, so that all of it can be read by a program. */
function lines({ node, config, changed }: ConfigAnswer): string[] {
  return [
    `# in force on ${node}; sizes in bytes, durations in ms, secrets masked`,
    ...changed.map(({ key, configured, inForce, by }) => {
      const who = by === undefined || by === null ? '' : ` by ${by}`
      return `# ${key} was set to ${inForce}${who}; configured is ${configured}`
    }),
    stringify(config).trimEnd(),
  ]
}

import { stringify } from 'yaml'
import { formatFault, inOrder } from '../../config/faults.ts'
import { maskSecrets } from '../../config/mask-secrets.ts'
import type { RunCommand } from '../command.ts'
import { print } from '../print.ts'
import { describeFaults } from '../require-config.ts'

/** `holdfast check-config` */
export const run: RunCommand = async context => {
  const loaded = await context.loadConfig()
  const faults = inOrder([...loaded.faults, ...(await loaded.findUnreadableFiles())])
  const isValid = faults.length === 0
  const shown = context.options['show'] === undefined ? undefined : maskSecrets(loaded.config)
  const result = {
    valid: isValid,
    faults: faults.map(fault => ({ ...fault, text: formatFault(fault) })),
    ...(shown !== undefined && { config: shown }),
  }
  print(context, result, () => [
    isValid ? 'the configuration is good' : describeFaults(faults),
    ...(shown === undefined ? [] : ['', stringify(shown).trimEnd()]),
  ])
  return isValid ? 'ok' : 'configInvalid'
}

import { stringify } from 'yaml'
import type { Config } from '../../config/config.ts'
import { type Fault, formatFault, inOrder } from '../../config/faults.ts'
import { maskSecrets } from '../../config/mask-secrets.ts'
import type { CommandContext, RunCommand } from '../command.ts'
import { print } from '../print.ts'
import { describeFaults } from '../require-config.ts'

/** `holdfast check-config` */
export const run: RunCommand = async context => {
  const loaded = await context.loadConfig()
  const unread = await loaded.findUnreadableFiles()
  const isReadable = loaded.config !== undefined && unread.length === 0
  const inFiles = isReadable ? await checkFiles(context, loaded.config) : []
  const faults = inOrder([...loaded.faults, ...unread, ...inFiles])
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

/** The node's own reader judges what other programs' files say. */
async function checkFiles({ parts }: CommandContext, config: Config): Promise<readonly Fault[]> {
  if (config.upstreamFiles.length === 0) return []
  const { checkUpstreamFiles } = await parts.loadDaemon()
  return checkUpstreamFiles(config)
}

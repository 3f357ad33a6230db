import { existsSync } from 'node:fs'
import { stringify } from 'yaml'
import type { Config } from '../../config/config.ts'
import { formatFault, inOrder } from '../../config/faults.ts'
import { maskSecrets } from '../../config/mask-secrets.ts'
import type { CheckFiles, CommandContext, RunCommand } from '../command.ts'
import { print } from '../print.ts'
import { describeFaults } from '../require-config.ts'

/** `holdfast check-config` */
export const run: RunCommand = async context => {
  const loaded = await context.loadConfig()
  const unread = await loaded.findUnreadableFiles()
  const isReadable = loaded.config !== undefined && unread.length === 0
  const inFiles = isReadable ? await judgeFiles(context, loaded.config) : nothing
  const faults = inOrder([...loaded.faults, ...unread, ...inFiles.faults])
  const { warnings } = inFiles
  const isValid = faults.length === 0
  const shown = context.options['show'] === undefined ? undefined : maskSecrets(loaded.config)
  const result = {
    valid: isValid,
    faults: faults.map(fault => ({ ...fault, text: formatFault(fault) })),
    warnings,
    ...(shown !== undefined && { config: shown }),
  }
  print(context, result, () => [
    isValid ? 'the configuration is good' : describeFaults(faults),
    ...warnings.map(warning => `warning: ${warning}`),
    ...(shown === undefined ? [] : ['', stringify(shown).trimEnd()]),
  ])
  return isValid ? 'ok' : 'configInvalid'
}

const nothing: Awaited<ReturnType<CheckFiles>> = { faults: [], warnings: [] }

/** The node's own readers judge what the files say. */
async function judgeFiles({ parts }: CommandContext, config: Config): ReturnType<CheckFiles> {
  const { upstreamFiles, mesh, mirror, admin, dropFolder } = config
  const hasTokens = mirror.tokenFile !== undefined || existsSync(admin.tokenFile)
  const hasFiles = upstreamFiles.length > 0 || mesh.enabled || hasTokens
  if (!hasFiles && dropFolder.path === undefined) return nothing
  const { checkFiles } = await parts.loadDaemon()
  return checkFiles(config)
}

import type { Config } from '../config/config.ts'
import { type Fault, formatFault } from '../config/faults.ts'
import type { CommandContext } from './command.ts'
import { CommandFailure } from './command-failure.ts'

/** The configuration, or `CommandFailure` with `configInvalid` that lists every fault. */
export async function requireConfig({ loadConfig }: CommandContext): Promise<Config> {
  const { config, faults } = await loadConfig()
  if (config === undefined) throw new CommandFailure('configInvalid', describeFaults(faults))
  return config
}

/** Every fault on lines of its own, under a line that counts them. */
export function describeFaults(faults: readonly Fault[]): string {
  const count = faults.length === 1 ? 'a fault' : `${faults.length} faults`
  const lines = faults.map(fault => `  ${formatFault(fault)}`)
  return [`the configuration has ${count}:`, ...lines].join('\n')
}

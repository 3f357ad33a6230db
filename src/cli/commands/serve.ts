import { formatFault } from '../../config/faults.ts'
import type { RunCommand, RunningDaemon } from '../command.ts'
import { CommandFailure } from '../command-failure.ts'
import { describeFaults } from '../require-config.ts'
import { explainFailure } from '../start-failure.ts'
import { untilStopped } from '../until-stopped.ts'
import { readVersion } from '../version.ts'
import { welcome } from '../welcome.ts'

/** `holdfast serve` */
export const run: RunCommand = async ({ loadConfig, options, parts, terminal }) => {
  const loaded = await loadConfig()
  if (loaded.config === undefined)
    throw new CommandFailure('configInvalid', describeFaults(loaded.faults))
  const { config } = loaded
  // A node must start without its uplink, and so without what only the uplink needs: told, and no reason to refuse.
  for (const fault of await loaded.findUnreadableFiles()) {
    terminal.err(`holdfast: ${formatFault(fault)}\n`)
  }
  const { startDaemon } = await parts.loadDaemon()
  try {
    const version = await readVersion()
    const daemon = await startDaemon(config, { version })
    announce(terminal.out, options['output'], daemon, () =>
      welcome(config, daemon.addresses, version),
    )
    await untilStopped(daemon, { signals: process, exit: code => process.exit(code) }, signal =>
      terminal.err(`holdfast: ${signal}: stopping; once more stops at once\n`),
    )
  } catch (error) {
    throw explainFailure(error, config)
  }
  return 'ok'
}

function announce(
  out: (text: string) => void,
  form: string | undefined,
  { addresses }: RunningDaemon,
  text: () => string,
): void {
  const isDocument = form === 'json' || form === 'yaml' // one line of JSON is YAML, too
  out(isDocument ? `${JSON.stringify({ ready: true, addresses })}\n` : text())
}

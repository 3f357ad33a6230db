import { claimDirectory } from './adapters/sqlite/claim-directory.ts'
import { type OpenedLedger, openLedger } from './adapters/sqlite/open.ts'
import type { Config } from './config/config.ts'
import { checkFiles } from './daemon/check-files.ts'
import { readUpstreams } from './daemon/upstream-files.ts'
import type { WiredAddresses } from './daemon/wire-node.ts'
import { type Clock, systemClock } from './ports/clock.ts'
import { createLog, type RunningLog } from './telemetry/log.ts'

export { checkFiles }

/** A running node. */
export interface Daemon {
  readonly addresses: WiredAddresses
  /** Stops: no new connections, running answers end or are cut in bounded time, what was learned is written. */
  close(): Promise<void>
}

/**
 * Starts a node: opens, wires, listens; what was opened is closed in reverse order, also when a later step fails.
 *
 * @throws HoldfastError `directory-in-use`, `store-unusable`, `ledger-newer`, `config-invalid`; the listener's error when an address is taken
 */
export async function startDaemon(
  config: Config,
  options: { readonly version: string; readonly log?: RunningLog; readonly clock?: Clock },
): Promise<Daemon> {
  const { version, clock = systemClock } = options
  const upstreamFiles = await readUpstreams(config) // what is wrong there is told before anything is opened
  await using owned = new AsyncDisposableStack()
  const log = options.log ?? openLog(config, owned)
  const { dataDir } = config
  claim(config, log, owned)
  const opening = own(openLedger({ dataDir, log, clock, machine: {} }), owned)
  // Most of the program is loaded while the ledger's own thread comes up: a quarter of the time to the first answer.
  const { wireNode } = await import('./daemon/wire-node.ts')
  const addresses = await wireNode(config, { upstreamFiles, opening, clock, log, version }, owned)
  log.info({ version, dataDir, ...addresses }, 'ready')
  const open = owned.move()
  return { addresses, close: () => open.disposeAsync() }
}

/** Closes what is being opened as soon as it is open; a failure is told to who waits for it. */
function own(opening: Promise<OpenedLedger>, owned: AsyncDisposableStack): Promise<OpenedLedger> {
  const closable = opening.catch(() => undefined)
  owned.defer(async () => (await closable)?.close())
  return opening
}

/** Another node may share neither what this one remembers nor its blobs. */
function claim({ dataDir, store }: Config, log: RunningLog, owned: AsyncDisposableStack): void {
  const data = claimDirectory(dataDir, log)
  owned.defer(() => data.close())
  if (store.kind === 'containerd') return
  const blobs = claimDirectory(store.dir, log, { key: 'store.dir', flag: 'store.dir' })
  owned.defer(() => blobs.close())
}

function openLog(config: Config, owned: AsyncDisposableStack): RunningLog {
  const log = createLog(config.log)
  owned.defer(() => log.flush())
  return log
}

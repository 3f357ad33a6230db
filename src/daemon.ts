import { openLedger } from './adapters/sqlite/open.ts'
import type { Config } from './config/config.ts'
import { openContent } from './daemon/content.ts'
import { wireFaces } from './daemon/faces.ts'
import { wirePull } from './daemon/resolution.ts'
import { openUpstreams } from './daemon/upstreams.ts'
import { type Clock, systemClock } from './ports/clock.ts'
import { type Log, silentLog } from './ports/log.ts'

/** A running node. */
export interface Daemon {
  /** Where it listens, as `host:port`. */
  readonly addresses: { readonly mirror: string; readonly admin: string; readonly health: string }
  /** Stops: no new connections, running answers end or are cut in bounded time, what was learned is written. */
  close(): Promise<void>
}

/**
 * Starts a node: opens, wires, listens; what was opened is closed in reverse order, also when a later step fails.
 *
 * @throws HoldfastError `store-unusable`, `ledger-newer`, `config-invalid`; the listener's error when an address is taken
 */
export async function startDaemon(
  config: Config,
  options: { readonly log?: Log; readonly clock?: Clock; readonly version?: string } = {},
): Promise<Daemon> {
  const { log = silentLog, clock = systemClock } = options
  await using owned = new AsyncDisposableStack()
  const { dataDir } = config
  const database = await openLedger({ dataDir, log, clock })
  owned.defer(() => database.close())
  const { ledger } = database
  const content = await openContent(config, { database, clock, log }, owned)
  const upstreams = await openUpstreams(config, { ledger, clock, log }, owned)
  const mode = () => config.mode
  const pull = wirePull(config, { database, upstreams, content, clock, log, mode }, owned)
  const parts = { database, content, upstreams, pull, clock, log, mode }
  const addresses = await wireFaces(config, parts, owned)
  const open = owned.move()
  return { addresses, close: () => open.disposeAsync() }
}

import { claimDirectory } from './adapters/sqlite/claim-directory.ts'
import { openLedger } from './adapters/sqlite/open.ts'
import type { Config } from './config/config.ts'
import { openContent } from './daemon/content.ts'
import { type Addresses, openFaces } from './daemon/faces.ts'
import type { JoinedMesh, MeshParts } from './daemon/mesh.ts'
import { wirePull } from './daemon/resolution.ts'
import { checkUpstreamFiles, openUpstreams, readUpstreams } from './daemon/upstreams.ts'
import { type Clock, systemClock } from './ports/clock.ts'
import type { Log } from './ports/log.ts'
import { createLog } from './telemetry/log.ts'
import { createMeshMetrics, watchMesh } from './telemetry/mesh-metrics.ts'
import { createMetrics, type Metrics } from './telemetry/metrics.ts'

export { checkUpstreamFiles }

/** A running node. */
export interface Daemon {
  readonly addresses: Addresses & Partial<JoinedMesh['addresses']>
  /** Stops: no new connections, running answers end or are cut in bounded time, what was learned is written. */
  close(): Promise<void>
}

/** How often it is looked what nobody used for long, in ms. */
const ageOutEveryMs = 3_600_000

/**
 * Starts a node: opens, wires, listens; what was opened is closed in reverse order, also when a later step fails.
 *
 * @throws HoldfastError `directory-in-use`, `store-unusable`, `ledger-newer`, `config-invalid`; the listener's error when an address is taken
 */
export async function startDaemon(
  config: Config,
  options: { readonly version: string; readonly log?: Log; readonly clock?: Clock },
): Promise<Daemon> {
  const { version, clock = systemClock } = options
  const files = await readUpstreams(config) // what is wrong there is told before anything is opened
  await using owned = new AsyncDisposableStack()
  const log = options.log ?? openLog(config, owned)
  const metrics = createMetrics({ version })
  const { dataDir } = config
  claim(config, log, owned)
  const database = await openLedger({ dataDir, log, clock, machine: {} })
  owned.defer(() => database.close())
  const { ledger } = database
  const ageing = setInterval(() => {
    ledger.ageOut().catch(err => log.warn({ err }, 'old observations were not dropped'))
  }, ageOutEveryMs).unref()
  owned.defer(() => clearInterval(ageing))

  const content = await openContent(config, { database, metrics, clock, log }, owned)
  const upstreams = openUpstreams(files, { ledger, metrics, clock, log }, owned)
  const mode = () => config.mode
  const shared = { database, content, upstreams, clock, log, mode }
  const mesh = await join(config, { ...shared, metrics, version }, owned)
  const pull = wirePull(config, { ...shared, mesh: mesh?.forPull }, owned)
  if (mesh !== undefined && pull.forPeers !== undefined) mesh.serve(pull.forPeers)
  const faces = await openFaces(config, { ...shared, mesh, pull, metrics, version }, owned)
  const addresses = { ...faces, ...mesh?.addresses }
  log.info({ version, dataDir, ...addresses }, 'ready')
  const open = owned.move()
  return { addresses, close: () => open.disposeAsync() }
}

/** A node alone loads nothing of the mesh. */
async function join(
  config: Config,
  parts: Omit<MeshParts, 'meter'> & { readonly metrics: Metrics },
  owned: AsyncDisposableStack,
): Promise<JoinedMesh | undefined> {
  if (!config.mesh.enabled) return undefined
  const { joinMesh } = await import('./daemon/mesh.ts')
  const { registry, receivedFromPeer } = parts.metrics
  const meter = createMeshMetrics(registry, receivedFromPeer)
  const mesh = await joinMesh(config, { ...parts, meter }, owned)
  watchMesh(registry, mesh.report, parts.clock)
  return mesh
}

/** Another node may share neither what this one remembers nor its blobs. */
function claim({ dataDir, store }: Config, log: Log, owned: AsyncDisposableStack): void {
  const data = claimDirectory(dataDir, log)
  owned.defer(() => data.close())
  const blobs = claimDirectory(store.dir, log, { key: 'store.dir', flag: 'store.dir' })
  owned.defer(() => blobs.close())
}

function openLog(config: Config, owned: AsyncDisposableStack): Log {
  const log = createLog(config.log)
  owned.defer(() => log.flush())
  return log
}

import { randomUUID } from 'node:crypto'
import { podAccess } from '../adapters/kubernetes/node-label.ts'
import type { UpstreamFiles } from '../adapters/registry/upstream-files.ts'
import type { OpenedLedger } from '../adapters/sqlite/open.ts'
import type { Config } from '../config/config.ts'
import { readClusterMode, watchClusterMode } from '../keep/cluster-mode.ts'
import { createModeSwitch } from '../keep/mode-switch.ts'
import type { Clock } from '../ports/clock.ts'
import { parseNodeId } from '../ports/node-id.ts'
import type { TagLedger } from '../ports/tag-ledger.ts'
import { systemTimers } from '../ports/timers.ts'
import type { RunningLog } from '../telemetry/log.ts'
import { createMeshMetrics, watchMesh } from '../telemetry/mesh-metrics.ts'
import { createMetrics, type Metrics } from '../telemetry/metrics.ts'
import { tracePeers } from '../telemetry/traced.ts'
import { wireArchive } from './archive.ts'
import { watchBehind } from './containerd-behind.ts'
import { openContent } from './content.ts'
import { type Addresses, openFaces } from './faces.ts'
import { createLogLevel } from './log-level.ts'
import type { JoinedMesh, MeshParts } from './mesh.ts'
import { readOwnZone } from './own-zone.ts'
import { openPods, openRunning } from './pods.ts'
import { openRepair } from './repair.ts'
import { wirePull } from './resolution.ts'
import { openStore } from './store.ts'
import { openTracing } from './tracing.ts'
import { openUpstreams } from './upstreams.ts'
import { openWarm } from './warm.ts'

/** Where a node listens. */
export type WiredAddresses = Addresses & Partial<JoinedMesh['addresses']>

export interface WireParts {
  readonly upstreamFiles: UpstreamFiles
  /** Belongs to the caller, who closes it after all that is opened here. */
  readonly opening: Promise<OpenedLedger>
  readonly clock: Clock
  readonly log: RunningLog
  readonly version: string
}

/** How often it is looked what nobody used for long, in ms. */
const ageOutEveryMs = 3_600_000

/** Puts a node together around its ledger and lets it listen; the store is read while the ledger is still being opened. */
export async function wireNode(
  configured: Config,
  { upstreamFiles, opening, clock, log, version }: WireParts,
  owned: AsyncDisposableStack,
): Promise<WiredAddresses> {
  const metrics = createMetrics({ version })
  const tracer = await openTracing(configured, { version }, owned)
  const storing = openStore(configured, { metrics, tracer, clock, log }, owned)
  await Promise.allSettled([opening, storing]) // neither is left on its way when the other fails
  const database = await opening
  const opened = await storing
  const access = podAccess(process.env)
  const zone = await readOwnZone(configured, { settings: database.durable, log, access })
  const config: Config = { ...configured, node: { ...configured.node, zone } }
  const { ledger } = database
  startAgeing(ledger, log, owned)
  const pods = openPods(config, { database, clock, log }, owned)
  const running = openRunning(config, { pods, database, log }, owned)
  const content = await openContent(
    config,
    { opened, database, running, metrics, clock, log },
    owned,
  )
  const mark = randomUUID()
  const nowMs = ledger.trustedNowMs
  const clusterMode = readClusterMode(database.settingWords, { clock, nowMs })
  owned.defer(watchClusterMode(database.settingWords, { standing: clusterMode, log }))
  const modeSwitch = createModeSwitch(
    { settings: database.durable, cluster: clusterMode, clock, nowMs, log },
    { configured: config.mode },
  )
  const mode = modeSwitch.current
  const upstreamParts = { ledger, metrics, tracer, clock, log, mark, mode }
  const upstreams = openUpstreams(upstreamFiles, upstreamParts, owned)
  const logLevel = createLogLevel(
    { log, timers: systemTimers, nowMs },
    { configured: config.log.level },
  )
  owned.defer(() => logLevel.close())
  const watching = watchBehind(config, { upstream: upstreams.upstream, mode, clock, log }, owned)
  const shared = { database, content, pods, running, upstreams, clock, log, mode, mark }
  const mesh = await join(config, { ...shared, metrics, version }, owned)
  const forPull = mesh?.forPull && {
    ...mesh.forPull,
    client: tracePeers(mesh.forPull.client, tracer),
  }
  const pull = wirePull(config, { ...shared, mesh: forPull }, owned)
  if (mesh !== undefined && pull.forPeers !== undefined) mesh.serve(pull.forPeers)
  const archive = await wireArchive(
    config,
    { ...shared, neighbour: opened.neighbour?.store, pull, metrics },
    owned,
  )
  const repair = openRepair(config, { ...shared, pull, mesh }, owned)
  const warm = openWarm(config, { ...shared, pull, mesh }, owned)
  const shown = {
    ...shared,
    recentLines: log.recent,
    modeSwitch,
    clusterMode,
    logLevel,
    mesh,
    pull,
    warm,
    repair,
    archive,
    metrics,
    tracer,
    version,
  }
  await watching
  const faces = await openFaces(config, shown, owned)
  return { ...faces, ...mesh?.addresses }
}

function startAgeing(ledger: TagLedger, log: RunningLog, owned: AsyncDisposableStack): void {
  const ageing = setInterval(() => {
    ledger.ageOut().catch(err => log.warn({ err }, 'old observations were not dropped'))
  }, ageOutEveryMs).unref()
  owned.defer(() => clearInterval(ageing))
}

/** A node alone loads nothing of the mesh. Others' words reach it in bundles; names of operators mean nobody to it, ids do. */
async function join(
  config: Config,
  parts: Omit<MeshParts, 'meter'> & { readonly metrics: Metrics },
  owned: AsyncDisposableStack,
): Promise<JoinedMesh | undefined> {
  const { enabled, operators } = config.mesh
  if (!enabled) {
    const ids = operators.flatMap(operator => parseNodeId(operator) ?? [])
    parts.database.replication.setOperators(operators.length === 0 ? undefined : ids)
    return undefined
  }
  const { joinMesh } = await import('./mesh.ts')
  const { registry, receivedFromPeer } = parts.metrics
  const meter = createMeshMetrics(registry, receivedFromPeer)
  const mesh = await joinMesh(config, { ...parts, meter }, owned)
  watchMesh(registry, mesh.report, parts.clock)
  return mesh
}

import type { OpenedLedger } from '../adapters/sqlite/open.ts'
import type { Config } from '../config/config.ts'
import { formatListen } from '../config/listen.ts'
import { createAdmin } from '../http/admin/admin.ts'
import { createNodeView } from '../http/admin/node-view.ts'
import { createAdmission } from '../http/admission.ts'
import { createHealth } from '../http/health.ts'
import type { Listener } from '../http/listener.ts'
import { createMirror } from '../http/mirror.ts'
import type { ClusterModeState, ModeSwitch } from '../keep/mode-switch.ts'
import type { Repair } from '../keep/repair.ts'
import type { Running } from '../keep/running.ts'
import type { Pods } from '../keep/watch-pods.ts'
import { startReportWatch } from '../keep/watch-report.ts'
import type { Clock } from '../ports/clock.ts'
import type { Log } from '../ports/log.ts'
import type { Mode } from '../ports/mode.ts'
import { systemTimers } from '../ports/timers.ts'
import type { Tracer } from '../ports/tracer.ts'
import { rememberAnswers } from '../pull/remember-answers.ts'
import { measureResolveTag } from '../telemetry/measured-resolve-tag.ts'
import type { Metrics } from '../telemetry/metrics.ts'
import { traceResolveTag } from '../telemetry/traced.ts'
import { watchNode } from '../telemetry/watch-node.ts'
import type { Archive } from './archive.ts'
import type { Content } from './content.ts'
import type { LogLevelSwitch } from './log-level.ts'
import type { JoinedMesh } from './mesh.ts'
import { operatorVoice, wireClusterMode, wireExclusions, wireKeeps, wirePins } from './operator.ts'
import { wireRuntimes } from './pods.ts'
import { createReadiness } from './readiness.ts'
import { createRegistryReach } from './registry-reach.ts'
import { wireReport } from './report.ts'
import type { Pull } from './resolution.ts'
import { wireTags } from './tags.ts'
import { wireThisNode } from './this-node.ts'
import { openTokens, type Tokens } from './tokens.ts'
import type { Upstreams } from './upstreams.ts'
import type { Warm } from './warm.ts'

/** What the faces show. */
export interface FaceParts {
  readonly database: OpenedLedger
  readonly content: Content
  readonly pods: Pods
  readonly running: Running
  readonly upstreams: Upstreams
  readonly pull: Pull
  readonly archive: Archive
  /** Absent: a node alone. */
  readonly mesh: JoinedMesh | undefined
  readonly warm: Warm
  readonly repair: Pick<Repair, 'counts'>
  readonly metrics: Metrics
  readonly tracer: Tracer
  readonly clock: Clock
  readonly log: Log
  /** The last lines of the log. */
  readonly recentLines: () => readonly string[]
  readonly mode: () => Mode
  readonly modeSwitch: ModeSwitch
  /** The mode that is set for all nodes. */
  readonly clusterMode: () => ClusterModeState | undefined
  readonly logLevel: LogLevelSwitch
  readonly version: string
  /** What this process sends with its questions to registries. */
  readonly mark: string
}

/** Where a node listens, as `host:port`. */
export interface Addresses {
  readonly mirror: string
  readonly admin: string
  readonly health: string
}

/** Builds all listeners, then opens them, the mirror last: nobody is answered by half a node. */
export async function openFaces(
  config: Config,
  parts: FaceParts,
  owned: AsyncDisposableStack,
): Promise<Addresses> {
  const { ledger, recovered } = parts.database
  const { endpoints } = parts.upstreams.upstream
  const tokens = await openTokens(config, parts)
  let isListening = false
  const readiness = createReadiness({
    mode: parts.mode,
    endpoints,
    ledger: ledger.stats,
    storeFilledBy: parts.content.collector.staying,
    isStoreUnusable: parts.content.isUnusable,
    damage: parts.content.scrub.counts,
    neighbour: parts.content.neighbour,
    tokenFailures: tokens.failures,
    meshAlarms: parts.mesh && (() => parts.mesh?.report().alarms ?? []),
    wasRebuilt: recovered === 'rebuilt' || recovered === 'restored-from-snapshot',
    isListening: () => isListening,
  })
  const storeUsage = () => parts.content.store.usage()
  const runtimes = wireRuntimes(config, parts)
  const report = wireReport(config, {
    ledger,
    blockedAnswers: parts.database.blockedAnswers,
    self: parts.database.replication.origin,
    content: parts.content,
    manifests: parts.pull.manifests,
    reachOf: createRegistryReach(parts),
    running: parts.running,
    listRunning: runtimes.listRunning,
    isBanned: parts.database.replication.isBanned,
    cutOff: () => parts.mesh?.report().alarms.find(({ code }) => code === 'cut-off')?.detail,
    mesh: parts.mesh?.forPull,
  })
  const reportWatch = startReportWatch(
    { ...report, clock: parts.clock, timers: systemTimers, log: parts.log },
    { everyMs: config.keep.reportEvery },
  )
  owned.defer(() => reportWatch.close())
  watchNode(
    parts.metrics.registry,
    {
      endpoints,
      ledger: ledger.stats,
      countTags: ledger.countTags,
      storeUsage,
      readiness,
      neighbour: parts.content.neighbour,
      keptImages: parts.repair.counts,
      lastReport: reportWatch.last,
      damagedBlobs: () => parts.content.scrub.counts().damaged,
    },
    { registries: Object.keys(parts.upstreams.settings) },
  )

  const startedAtMs = parts.clock.monotonicMs()
  const about = { node: config.node.name, version: parts.version }
  const view = createNodeView(
    {
      ledger,
      endpoints,
      storeUsage,
      readiness,
      neighbour: parts.content.neighbour,
      pods: parts.pods,
      modeState: parts.modeSwitch.state,
      uptimeMs: () => parts.clock.monotonicMs() - startedAtMs,
      monotonicMs: parts.clock.monotonicMs,
      mesh: parts.mesh?.report,
      isBanned: parts.database.replication.isBanned,
    },
    about,
  )
  const admin = await createAdmin(
    {
      resolveTag: parts.pull.resolveTag,
      refreshTag: parts.pull.refreshTag,
      ledger,
      blockedAnswers: parts.database.blockedAnswers,
      resolutions: parts.database.resolutions,
      view,
      ...parts.archive,
      ownImage: config.node.image,
      ...wireTags(parts, config.platforms),
      pins: wirePins(parts),
      pinBook: parts.database.pins,
      findStrays: runtimes.findStrays,
      ...wireKeeps(parts),
      ...parts.warm,
      clusterMode: wireClusterMode(parts),
      modeSwitch: parts.modeSwitch,
      exclusions: wireExclusions(parts),
      exclusionBook: parts.database.exclusions,
      isOperator: operatorVoice(parts.mesh).isOperator,
      report,
      audit: parts.database.audit,
      node: wireThisNode(config, { ...parts, view }),
      clock: parts.clock,
      token: tokens.admin,
      log: parts.log,
    },
    {
      address: config.admin.listen,
      socket: config.admin.socket,
      tls: config.admin.tls,
      ...about,
    },
  )
  const health = createHealth(
    { readiness, exposeMetrics: parts.metrics.expose },
    { address: config.health.listen },
  )
  const mirror = buildMirror(config, parts, tokens)

  const open = async (listener: Listener) => {
    owned.defer(() => listener.close())
    return formatListen(await listener.listen())
  }
  const addresses = {
    health: await open(health),
    admin: await open(admin),
    mirror: await open(mirror),
  }
  isListening = true
  owned.defer(() => {
    isListening = false
  })
  return addresses
}

function buildMirror(
  config: Config,
  parts: FaceParts,
  { mirror: tokenFile }: Pick<Tokens, 'mirror'>,
): Listener {
  const { pull, content, clock, log, metrics, tracer } = parts
  const { upstream } = parts.upstreams
  const { ledger, resolutions } = parts.database
  const { listen, allow, defaultUpstream } = config.mirror
  const { given } = pull
  const traced = traceResolveTag(pull.resolveTag, tracer)
  const measured = measureResolveTag(traced, { meter: metrics.resolutions, clock, log })
  return createMirror(
    {
      resolveTag: rememberAnswers(measured, {
        resolutions,
        ledger,
        given,
        onUse: content.lastUse.use,
      }),
      getManifest(repository, digest, signal) {
        given.fetched(digest)
        return pull.manifests.get(repository, digest, signal)
      },
      openBlob: pull.blobs.open,
      statBlob: pull.blobs.stat,
      listTags: pull.listTags,
      listReferrers: pull.listReferrers,
      isManifest: digest => content.graph.manifest(digest) !== undefined,
      onAsked: given.asked,
      isServed: upstream.isConfigured,
      admission: createAdmission({ allow, tokenFile }),
      clock,
      log,
      observer: metrics.mirror,
      mark: parts.mark,
    },
    { address: listen, defaultRegistry: defaultUpstream },
  )
}

import { randomBytes } from 'node:crypto'
import { createHostNetwork } from '../adapters/host-network/host-network.ts'
import { openLibp2pBus } from '../adapters/libp2p/open-bus.ts'
import type { OpenedLedger } from '../adapters/sqlite/open.ts'
import type { Config } from '../config/config.ts'
import { formatListen } from '../config/listen.ts'
import { createLastCopies, leaseSubject } from '../keep/last-copies.ts'
import type { DialCounts } from '../mesh/dialler.ts'
import { lookUpMs, startIndexNode } from '../mesh/index-node.ts'
import { startMesh } from '../mesh/mesh.ts'
import type { MeshStatus } from '../mesh/mesh-status.ts'
import { formatTag } from '../oci/reference.ts'
import type { Verdict } from '../ports/bus.ts'
import type { Clock } from '../ports/clock.ts'
import type { Log } from '../ports/log.ts'
import type { Members } from '../ports/members.ts'
import type { Mode } from '../ports/mode.ts'
import type { NodeId } from '../ports/node-id.ts'
import type { PeerAnswer, PeerService } from '../ports/peer-port.ts'
import { systemTimers } from '../ports/timers.ts'
import { createPlatformFit } from '../pull/platform-fit.ts'
import { type Sync, type SyncStatus, startSync } from '../sync/sync.ts'
import { measureBus } from '../telemetry/measured-bus.ts'
import { measureHolders, measurePeers } from '../telemetry/measured-peers.ts'
import type { MeshMeter } from '../telemetry/mesh-metrics.ts'
import type { Content } from './content.ts'
import { watchFacts } from './mesh-facts.ts'
import { openKeys } from './mesh-keys.ts'
import { openSeeds } from './mesh-seeds.ts'
import { kindOf } from './message-kind.ts'
import { createOutcasts } from './outcasts.ts'
import { type KeepMesh, wireOwners } from './owners.ts'
import { openPeerPort } from './peer-port.ts'
import { createPeerServiceBook } from './peer-service.ts'
import { surveyAnswers } from './report.ts'
import type { PullMesh } from './resolution.ts'
import { takeRecord } from './take-record.ts'
import type { Upstreams } from './upstreams.ts'

/** The mesh as people are shown it. */
export interface MeshReport extends MeshStatus {
  readonly sync: SyncStatus
  /** Digests of other nodes that this one keeps in the index. */
  readonly indexEntries: number
  readonly neighbours: number
  /** Dials since the start, by how they ended. */
  readonly dialCounts: DialCounts
}

/** This node's part of the mesh. */
export interface JoinedMesh {
  readonly forPull: PullMesh
  /** Who is to hold what is kept. */
  readonly forKeep: KeepMesh
  /** Has other members store what an operator said on this node. */
  readonly storeCopies: Sync['storeCopies']
  /** Whether others believe what an operator says on this node. */
  isOperator(): boolean
  /** Whether what an operator says on that node counts here. */
  mayOperate(id: NodeId): boolean
  /** Where it listens, as `host:port`. */
  readonly addresses: { readonly peer: string; readonly mesh: string }
  /** From now on others are answered with what is held here. */
  serve(service: Pick<PeerService, 'answers' | 'openBlob' | 'getManifest'>): void
  /** From now on others are answered these, too. */
  answer(more: ReadonlyMap<string, PeerAnswer>): void
  report(): MeshReport
}

/** What the mesh stands on. */
export interface MeshParts {
  readonly database: OpenedLedger
  readonly content: Content
  readonly upstreams: Upstreams
  readonly meter: MeshMeter
  readonly clock: Clock
  readonly log: Log
  readonly mode: () => Mode
  readonly version: string
}

/** How often it is looked which records have waited long enough, ms. */
const releaseEveryMs = 30_000

/**
 * Opens the peer port and the bus, and joins the other nodes. Only a node that has a mesh loads this module: libp2p costs 40 MB.
 */
export async function joinMesh(
  config: Config,
  parts: MeshParts,
  owned: AsyncDisposableStack,
): Promise<JoinedMesh> {
  const { database, content, clock, log, meter } = parts
  const { signature, identity, replication, records } = database
  const { zone } = config.node
  const timers = systemTimers
  const random = Math.random
  const network = createHostNetwork()
  const keys = await openKeys(config, { log }, owned)
  const late: { members?: Members; sync?: Sync } = {}

  const outcasts = createOutcasts({ bans: replication, clock, log })
  owned.defer(() => outcasts.close())
  const service = createPeerServiceBook()
  const peerPort = await openPeerPort(
    config,
    {
      privateKey: identity.privateKey,
      keys,
      isOut: outcasts.isOut,
      service: service.offered,
      members: () => late.members,
      resolveName: parts.upstreams.resolveName,
      observer: meter.peerPort,
      clock,
      log,
    },
    owned,
  )
  const { client } = peerPort
  const opened = await openLibp2pBus(
    { privateKey: identity.privateKey, keys, isKeptOut: outcasts.isOut, clock, log },
    { listen: config.mesh.listen },
  )
  owned.defer(() => opened.close())
  const bus = measureBus(opened, { meter: meter.bus, kindOf })
  const meshPort = portOf(bus.listening[0]) ?? config.mesh.listen.port
  const facts = await watchFacts(config, {
    ...parts,
    records,
    keys,
    network,
    peerAddress: { host: config.peer.listen.host, port: peerPort.address.port },
    meshAddress: { host: config.mesh.listen.host, port: meshPort },
    sync: () => late.sync,
  })
  owned.defer(() => facts.close())
  const meshAddresses = () => facts.read().meshAddresses
  const seedParts = { ...parts, self: bus.self, keys, meshAddresses, meshPort, network, random }
  const seeds = await openSeeds(config, seedParts, owned)
  const mesh = await startMesh(
    {
      bus,
      peer: client,
      signature,
      store: database.members,
      time: database.time,
      clock,
      timers,
      random,
      log,
      facts: facts.read,
      network,
      seeds,
      keysFailure: keys.failure,
      bannedBy: peerPort.bannedBy,
    },
    {
      version: parts.version,
      nonce: randomBytes(8).toString('hex'),
      operators: config.mesh.operators,
    },
  )
  owned.defer(() => mesh.close())
  const { members } = mesh
  late.members = members
  facts.onChange(mesh.changed)
  owned.defer(keys.onChange(mesh.changed))
  const index = startIndexNode(
    { store: content.store, members, client, clock, timers, random, log },
    { zone },
  )
  owned.defer(() => index.close())
  const ending = new AbortController()
  owned.defer(() => ending.abort())
  const fitOf = createPlatformFit(content.graph)
  const { platforms } = config
  const { ownersOf, forKeep } = wireOwners(config, { members, content, fitOf, clock }, owned)
  const lastCopies = createLastCopies(
    {
      members,
      ownersOf,
      leases: content.leases,
      isForUs: digest => fitOf(digest)(platforms),
      client,
    },
    ending,
  )
  content.leaveTo(lastCopies)
  service.add(new Map([[leaseSubject, lastCopies.answer]]), surveyAnswers(config, parts))
  const sync = startSync({
    store: records,
    bus,
    peers: client,
    members,
    clock,
    timers,
    random,
    log,
    ageOut: database.ledger.ageOut,
    onMisbehaviour: outcasts.expel,
    observer: meter.sync,
  })
  owned.defer(() => sync.close())
  late.sync = sync
  const tellOperators = () => {
    const ids = mesh.operators.ids()
    replication.setOperators(ids && [...ids])
    sync.forgetRefusals()
  }
  tellOperators()
  owned.defer(followTime(database, { sync, log }))
  owned.defer(mesh.operators.onChange(tellOperators))
  outcasts.onMore(partWithOutcasts)
  bus.judge(judge)
  service.add(mesh.answers, index.answers, sync.answers)
  service.addStreams(sync.streams)

  function judge(message: Uint8Array, from: NodeId): Verdict | Promise<Verdict> {
    switch (kindOf(message)) {
      case 'records':
        return sync.judge(message, from)
      case 'hello':
      case 'bye':
        return mesh.judge(message, from)
      case 'other':
        return 'ignore' // of a later version
    }
  }

  /** Ends what is under way with them, and doubts that they are there. */
  function partWithOutcasts(): void {
    const met = [...members.all(), ...bus.neighbours(), ...peerPort.connections()]
    for (const id of new Set(met.map(({ id }) => id).filter(outcasts.isOut))) {
      peerPort.hangUp(id)
      bus.hangUp(id).catch(err => log.debug({ peer: id, err }, 'a connection ended badly'))
      members.missed(id)
    }
  }

  return {
    addresses: {
      peer: formatListen(peerPort.address),
      mesh: bus.listening[0] ?? formatListen(config.mesh.listen),
    },
    forPull: {
      members,
      holders: measureHolders(index.holders, { meter: meter.peers, clock, budgetMs: lookUpMs }),
      client: measurePeers(client, meter.peers),
      zone,
      takeRecord: record => takeRecord(database, record),
      signedObservation: key => replication.signedObservation(key),
      catchUp(key, signal) {
        const isAlone = members.alive().length === 0
        return isAlone || !sync.isBehind() ? undefined : sync.fetchKey(formatTag(key), signal)
      },
    },
    forKeep,
    storeCopies: sync.storeCopies,
    isOperator: () => mesh.operators.ids()?.has(members.self) ?? true,
    mayOperate: id => mesh.operators.ids()?.has(id) ?? true,
    answer: service.add,
    serve: ({ answers, openBlob, getManifest }) => {
      service.add(answers)
      service.serve(openBlob, getManifest)
    },
    report: () => ({
      ...mesh.status(),
      sync: sync.status(),
      indexEntries: index.size(),
      neighbours: bus.neighbours().length,
      dialCounts: mesh.counts().dials,
    }),
  }
}

function portOf(address: string | undefined): number | undefined {
  return address === undefined ? undefined : Number(address.slice(address.lastIndexOf(':') + 1))
}

/** What waited for the time to be known, or to come, is taken. */
function followTime(
  { replication, time }: Pick<OpenedLedger, 'replication' | 'time'>,
  { sync, log }: { readonly sync: Sync; readonly log: Log },
): () => void {
  let source = time.source()
  const timer = setInterval(() => {
    if (time.source() !== source) sync.forgetRefusals()
    source = time.source()
    replication
      .releaseQuarantine()
      .catch(err => log.warn({ err }, 'records that waited for their time were not taken'))
  }, releaseEveryMs).unref()
  return () => clearInterval(timer)
}

import { join } from 'node:path'
import type { Test } from 'tap'
import { readUpstreamFiles } from '../../src/adapters/registry/upstream-files.ts'
import { openLedger } from '../../src/adapters/sqlite/open.ts'
import { openContent } from '../../src/daemon/content.ts'
import { openRunning } from '../../src/daemon/pods.ts'
import { createRegistryReach } from '../../src/daemon/registry-reach.ts'
import { openRepair } from '../../src/daemon/repair.ts'
import { surveyAnswers, wireReport } from '../../src/daemon/report.ts'
import { wirePull } from '../../src/daemon/resolution.ts'
import { openStore } from '../../src/daemon/store.ts'
import { takeRecord } from '../../src/daemon/take-record.ts'
import { createKeptOwners } from '../../src/keep/kept-owners.ts'
import { createPresentMembers } from '../../src/keep/present-members.ts'
import { noPods, type Pods } from '../../src/keep/watch-pods.ts'
import { startIndexNode } from '../../src/mesh/index-node.ts'
import type { Digest } from '../../src/oci/digest.ts'
import { formatPlatform } from '../../src/oci/platform.ts'
import type { TagReference } from '../../src/oci/reference.ts'
import { systemClock } from '../../src/ports/clock.ts'
import { silentLog } from '../../src/ports/log.ts'
import type { Mode } from '../../src/ports/mode.ts'
import { systemTimers } from '../../src/ports/timers.ts'
import { noTracer } from '../../src/ports/tracer.ts'
import { isAbsent } from '../../src/pull/absent.ts'
import type { ResolveOptions } from '../../src/pull/resolution.ts'
import { createMetrics } from '../../src/telemetry/metrics.ts'
import { createFakeUpstream } from '../support/fake-upstream.ts'
import { makeImage, type TestImage } from '../support/image.ts'
import { createPeerLab, nodeId } from '../support/peer-lab.ts'
import { download, stayAlive } from '../support/pull-parts.ts'
import { configIn } from '../support/start-node.ts'

/** The tag that nodes ask about unless another is named. */
export const key: TagReference = { registry: 'reg.test', repository: 'lab/app', tag: 'latest' }
const amd64 = { os: 'linux', architecture: 'amd64' }
export const down = { state: 'down', sinceMs: 0, failure: 'unreachable' } as const
const { signal } = new AbortController()
/** An image of more than one read. */
export const large = makeImage({ salt: 'one', layers: [2_000_000, 1_000] })

/** Laid over the nodes' own settings; the shape of holdfast.yaml. */
export interface Written {
  readonly resolve?: object
  readonly store?: object
  readonly keep?: object
  readonly platforms?: readonly string[]
}

/** The same for nodes by name, with what their pods run. */
type OfEach = Readonly<Record<string, Written & { readonly pods?: Pods }>>

/** Whole nodes in this process, without sockets: real ledgers, stores and indexes; each with an uplink of its own. */
export async function openMesh(
  t: Test,
  names: readonly string[],
  written: Written = {},
  ofEach: OfEach = {},
) {
  stayAlive(t)
  const lab = createPeerLab({ patienceMs: 5_000 })
  for (const name of names) lab.serve(nodeId(name), {})
  const dir = t.testdir(Object.fromEntries(names.map(name => [name, {}])))
  const nodes: Awaited<ReturnType<typeof openNode>>[] = []
  for (const name of names) {
    const { pods = noPods, ...own } = ofEach[name] ?? {}
    nodes.push(await openNode(t, lab, name, dir, { ...written, ...own }, pods))
  }
  const node = (at: number) => {
    const found = nodes[at]
    if (found === undefined) throw new Error(`no node ${at}`)
    return found
  }
  return { lab, nodes, node }
}

async function openNode(
  t: Test,
  lab: ReturnType<typeof createPeerLab>,
  name: string,
  dir: string,
  written: Written,
  pods: Pods,
) {
  const owned = new AsyncDisposableStack()
  t.teardown(() => owned.disposeAsync())
  const id = nodeId(name)
  const config = await configIn(join(dir, name), {
    upstreams: { 'reg.test': { timeouts: { stallMs: 10_000 } } },
    ...written,
    resolve: { timeoutMs: 3_000, ...written.resolve },
  })
  const files = await readUpstreamFiles(config.upstreams, [], { ownAddresses: [] })
  const [clock, log, upstream] = [systemClock, silentLog, createFakeUpstream()]
  const { dataDir } = config
  const database = await openLedger({ dataDir, log, clock })
  owned.defer(() => database.close())
  const metrics = createMetrics({ version: 'test' })
  const opened = await openStore(config, { metrics, tracer: noTracer, clock, log }, owned)
  const mesh = { ...config.mesh, enabled: true }
  const running = openRunning({ ...config, mesh }, { pods, database, log }, owned)
  const content = await openContent(
    config,
    { opened, database, running, metrics, clock, log },
    owned,
  )
  const members = lab.members(id)
  const wire = { members, client: lab.client(id) }
  const { store } = content
  const index = startIndexNode(
    { ...wire, store, clock, timers: systemTimers, random: Math.random, log },
    { zone: undefined },
  )
  owned.defer(() => index.close())
  const state = { mode: 'auto' as Mode }
  let disk: Promise<void> | undefined
  const put: typeof store.put = async (...blob) => {
    await disk
    await store.put(...blob)
  }
  const upstreams = { upstream, settings: files.upstreams }
  const reaching = { upstreams, mode: () => state.mode, clock }
  const pull = wirePull(
    config,
    {
      database,
      upstreams,
      content: { ...content, store: { ...store, put } },
      clock,
      log,
      mode: () => state.mode,
      mesh: {
        ...wire,
        holders: index.holders,
        zone: undefined,
        takeRecord: record => takeRecord(database, record),
        catchUp: () => undefined,
        signedObservation: about => database.replication.signedObservation(about),
      },
    },
    owned,
  )
  const { forPeers } = pull
  const platforms = config.platforms.map(formatPlatform)
  lab.serve(id, {
    ...forPeers,
    answers: new Map([
      ...index.answers,
      ...(forPeers?.answers ?? []),
      ...surveyAnswers(config, { database, content, ...reaching }),
    ]),
  })
  lab.say(id, { upstreams: ['reg.test'], platforms })
  const report = wireReport(config, {
    ledger: database.ledger,
    blockedAnswers: database.blockedAnswers,
    self: id,
    content,
    manifests: pull.manifests,
    reachOf: createRegistryReach(reaching),
    running,
    listRunning: async () => ({ images: [], nodes: [] }),
    isBanned: database.replication.isBanned,
    cutOff: () => undefined,
    mesh: { ...wire, holders: index.holders },
  })

  async function bytesOf(digest: Digest): Promise<Buffer | undefined> {
    const blob = await pull.blobs.open(key, digest, { signal })
    return isAbsent(blob) ? undefined : download(blob).whole
  }

  return {
    ...pull,
    ...content,
    id,
    dataDir,
    state,
    upstream,
    report,
    ledger: database.ledger,
    records: database.records,
    exclusions: database.exclusions,
    holders: index.holders,
    publish(image: TestImage): void {
      upstream.add(image.blobs)
      upstream.tag(key, image.digest)
    },
    resolve: (
      asking: ResolveOptions['asking'] = 'HEAD',
      more: Pick<ResolveOptions, 'leavesRest'> = {},
    ) => pull.resolveTag(key, { asking, ...more, signal }),
    loseUplink(): void {
      upstream.setReach('reg.test', down)
      lab.say(id, { upstreams: [] })
    },
    /** Manifests that come are not stored before the returned function is called. */
    holdDisk(): () => void {
      const { promise, resolve } = Promise.withResolvers<void>()
      disk = promise
      return resolve
    },
    /** Has it hold what is kept and its to hold, until the test ends. */
    repair(): void {
      const present = createPresentMembers(members, clock, { repairAfterMs: 600_000 })
      owned.defer(() => present.close())
      const settings = { copies: config.keep.copies, zone: undefined, platforms: config.platforms }
      const forKeep = { members, present, owners: createKeptOwners(present, settings) }
      openRepair(
        config,
        { database, content, upstreams, pull, mesh: { forKeep }, clock, log },
        owned,
      )
    },
    bytesOf,
    /** Pulls as containerd does; the digests it did not get. */
    async pull(image: TestImage, digest: Digest): Promise<readonly Digest[]> {
      const missing: Digest[] = []
      const manifest = image.for('linux/amd64')
      for (const each of [digest, manifest.digest]) {
        const got = await pull.manifests.get(key, each, signal)
        if (isAbsent(got)) missing.push(each)
      }
      for (const { digest: blob, bytes } of [manifest.config, ...manifest.layers]) {
        if (!(await bytesOf(blob))?.equals(bytes)) missing.push(blob)
      }
      return missing
    },
    /** Holds the whole image for this platform. */
    async fill(image: TestImage): Promise<void> {
      const manifest = image.for('linux/amd64')
      await content.store.put(image.digest, image.bytes)
      for (const [blob, bytes] of manifest.blobs) await content.store.put(blob, bytes)
      await until(() => content.completeness.isComplete(image.digest, [amd64]))
    },
  }
}

export async function until(isTrue: () => boolean): Promise<void> {
  while (!isTrue()) await new Promise(setImmediate)
}

export type MeshNode = Awaited<ReturnType<typeof openNode>>

/** What one node learned from its registry, the others are told. */
export async function gossip(from: MeshNode, to: readonly MeshNode[]): Promise<void> {
  for await (const { records } of from.records.all(0)) {
    for (const node of to) await node.records.apply(records)
  }
}

import { generateKeyPairSync, verify } from 'node:crypto'
import { join } from 'node:path'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { signBody } from '../src/adapters/sqlite/identity.ts'
import { type OpenedLedger, openLedger } from '../src/adapters/sqlite/open.ts'
import type { SignedRecord } from '../src/ledger/record.ts'
import { systemClock } from '../src/ports/clock.ts'
import { silentLog } from '../src/ports/log.ts'
import { type PeerClient, PeerFailure } from '../src/ports/peer-port.ts'
import { systemTimers } from '../src/ports/timers.ts'
import type { Round } from '../src/sync/catch-up.ts'
import type { SnapshotProgress } from '../src/sync/snapshot.ts'
import { type Sync, startSync } from '../src/sync/sync.ts'
import { atMost, type Figure } from './figure.ts'
import type { Scene } from './scene.ts'
import { createSigner, digestNumber } from './signer.ts'
import { timed } from './timed.ts'

const tags = 100_000
const differences = [1, 10, 100, 1_000]

interface Node {
  readonly opened: OpenedLedger
  readonly sync: Sync
  readonly rounds: Round[]
  readonly snapshots: SnapshotProgress[]
}

const keyOf = (i: number): string => `docker.io/library/app-${i % 5_000}:v${Math.floor(i / 5_000)}`

/** Two nodes in this process, on two real databases, that ask each other without a socket: what sync itself costs. */
export async function sync(scene: Scene): Promise<readonly Figure[]> {
  const signers = Array.from({ length: 20 }, createSigner)
  const now = Date.now() - 86_400_000
  const observe = (i: number, wallMs: number): SignedRecord =>
    (signers[i % signers.length] ?? createSigner())(keyOf(i), wallMs)

  const first = await open(scene, 'first')
  scene.say(`filling ${tags} tags`)
  for (let i = 0; i < tags; i += 5_000) {
    await first.opened.records.apply(Array.from({ length: 5_000 }, (_, j) => observe(i + j, now)))
  }
  const fingerprintMs = await timed(() => first.opened.records.fingerprint())
  const joiner = await open(scene, 'joiner')
  scene.say('a late joiner')
  const joined = await join100k(first, joiner)
  scene.say('equal, and differences')
  await round(joiner, first)
  const equal = await round(joiner, first)
  const figures: Figure[] = []
  let next = now + 1
  for (const count of differences) {
    for (const [side, node] of [first, joiner].entries()) {
      const half = Math.ceil(count / 2)
      if (side === 1 && count === 1) continue
      const news = Array.from({ length: half }, () =>
        observe(Math.floor(Math.random() * tags), next++),
      )
      await node.opened.records.apply(news)
    }
    const compared = await round(joiner, first)
    figures.push({
      what: `${count} of ${tags} tags differ: bytes`,
      value: kb(compared),
      unit: 'kB',
      ...(count === 1 ? { aim: atMost(3) } : {}),
    })
    figures.push({ what: `${count} of ${tags} tags differ: time`, value: compared.ms, unit: 'ms' })
  }
  return [
    { what: 'first fingerprint of 100 000 tags', value: fingerprintMs, unit: 'ms' },
    {
      what: 'joiner: 100 000 tags, all verified',
      value: joined.allMs,
      unit: 'ms',
      aim: atMost(8_000),
    },
    { what: 'joiner: processor time of both nodes', value: joined.cpuMs, unit: 'ms' },
    { what: 'of it what the signatures alone take', value: joined.signaturesMs, unit: 'ms' },
    { what: 'joiner: bytes', value: joined.bytes / 1e6, unit: 'MB' },
    {
      what: 'joiner: a tag asked for at once, slowest of 100',
      value: joined.askedMs,
      unit: 'ms',
      aim: atMost(3_000),
    },
    {
      what: 'joiner: an observation of its own meanwhile, slowest',
      value: joined.ownMs,
      unit: 'ms',
    },
    { what: 'both nodes: the loop was held up, p99', value: joined.loopMs, unit: 'ms' },
    { what: 'two equal nodes: bytes', value: kb(equal), unit: 'kB', aim: atMost(2) },
    ...figures,
  ]
}

async function join100k(first: Node, joiner: Node) {
  const delay = monitorEventLoopDelay({ resolution: 1 })
  delay.enable()
  const startMs = performance.now()
  const cpu = process.cpuUsage()
  joiner.sync.catchUpWith(id(first))
  let askedMs = 0
  let ownMs = 0
  for (let i = 0; i < 100; i++) {
    const key = keyOf(tags - 1 - i * 7)
    const ms = await timed(() => joiner.sync.fetchKey(key, AbortSignal.timeout(10_000)))
    askedMs = Math.max(askedMs, ms)
    if (i % 10 !== 0) continue
    ownMs = Math.max(ownMs, await timed(() => ownObservation(joiner, i)))
  }
  while (joiner.snapshots.length === 0) {
    await new Promise(resolve => setTimeout(resolve, 20))
  }
  const allMs = performance.now() - startMs
  delay.disable()
  const { user, system } = process.cpuUsage(cpu)
  const cpuMs = (user + system) / 1_000
  const bytes = joiner.snapshots.reduce((sum, { bytesIn }) => sum + bytesIn, 0)
  const signaturesMs = tags * verifyMs()
  return { allMs, cpuMs, signaturesMs, askedMs, ownMs, bytes, loopMs: delay.percentile(99) / 1e6 }
}

/** Processor time of one signature check, on this machine and now. */
function verifyMs(): number {
  const checks = 1_000
  const { privateKey, publicKey } = generateKeyPairSync('ed25519')
  const bytes = Buffer.alloc(230)
  const signature = signBody(bytes, privateKey)
  const before = process.cpuUsage()
  for (let i = 0; i < checks; i++) verify(null, bytes, publicKey, signature)
  const { user, system } = process.cpuUsage(before)
  return (user + system) / 1_000 / checks
}

function ownObservation({ opened }: Node, i: number): Promise<void> {
  const key = { registry: 'docker.io', repository: 'library/own', tag: `${i}` }
  const target = {
    digest: digestNumber(i),
    mediaType: 'application/vnd.oci.image.index.v1+json',
    size: 1,
  }
  return opened.ledger.observeLocal(key, target, 'push')
}

/** Compares until both hold the same; the sum of its rounds. */
async function round(node: Node, other: Node): Promise<{ bytes: number; ms: number }> {
  const before = node.rounds.length
  const startMs = performance.now()
  node.sync.catchUpWith(id(other))
  for (;;) {
    await new Promise(resolve => setTimeout(resolve, 5))
    const rounds = node.rounds.slice(before)
    const last = rounds.at(-1)
    if (last === undefined || last.result === 'more') continue
    const bytes = rounds.reduce((sum, { bytesIn, bytesOut }) => sum + bytesIn + bytesOut, 0)
    return { bytes, ms: performance.now() - startMs }
  }
}

const kb = ({ bytes }: { readonly bytes: number }): number => bytes / 1_000

const id = ({ opened }: Node): string => opened.replication.origin

const nodes = new Map<string, Node>()

async function open(scene: Scene, name: string): Promise<Node> {
  const dataDir = join(scene.dir, name)
  const opened = await openLedger({ dataDir, log: silentLog, clock: systemClock })
  scene.owned.defer(() => opened.close())
  const rounds: Round[] = []
  const snapshots: SnapshotProgress[] = []
  const self = opened.replication.origin
  const others = () => [...nodes.keys()].filter(other => other !== self)
  const sync = startSync({
    store: opened.records,
    bus: { publish: async () => 0, onNeighbour: () => () => {} },
    peers: directClient(self),
    members: {
      self,
      all: () => others().map(memberOf),
      // The schedule's own rounds would mix with those that are measured.
      alive: () => (snapshots.length === 0 ? others().map(memberOf) : []),
      get: memberOf,
      heard: () => {},
      missed: () => {},
      silent: () => {},
      stalled: () => {},
      onChange: () => () => {},
    },
    clock: systemClock,
    timers: {
      // Nothing that is done now and then, and no waiting for others that are not there.
      after: (ms, run) => (ms > 5_000 ? () => {} : systemTimers.after(ms <= 300 ? 1 : ms, run)),
    },
    random: Math.random,
    log: silentLog,
    ageOut: async () => {},
    onMisbehaviour: () => {},
    observer: { round: one => rounds.push(one), snapshot: one => snapshots.push(one) },
  })
  scene.owned.defer(() => sync.close())
  const node = { opened, sync, rounds, snapshots }
  nodes.set(self, node)
  return node
}

function directClient(self: string): Pick<PeerClient, 'call' | 'stream'> {
  const nodeAt = (to: string): Node => {
    const node = nodes.get(to)
    if (node === undefined) throw new PeerFailure('unreachable', to)
    return node
  }
  return {
    async call(to, subject, question, { signal }) {
      const answer = nodeAt(to).sync.answers.get(subject)
      if (answer === undefined) throw new PeerFailure('absent', subject)
      return answer(question, self, signal)
    },
    async *stream(to, subject, question, { signal }) {
      const stream = nodeAt(to).sync.streams.get(subject)
      if (stream === undefined) throw new PeerFailure('absent', subject)
      yield* stream(question, self, signal)
    },
  }
}

const memberOf = (of: string) => ({
  id: of,
  name: of.slice(0, 4),
  zone: undefined,
  platforms: [],
  peerAddresses: [],
  meshAddresses: [],
  version: '',
  protocol: 1,
  state: 'alive' as const,
  isUnanswered: false,
  lastSeenMs: 0,
  ledgerRoot: '',
  upstreams: [],
  clockSkewMs: undefined,
  clockVerified: false,
  roundTripMs: undefined,
  isNeighbour: true,
  keyId: '',
  roomBytes: 0,
})

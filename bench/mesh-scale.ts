/**
 * What a node costs the others and itself, by the number of nodes: whole journeys (membership, sync, index) in one process, over a
 * network in memory and in a time of its own, and from that what larger clusters come to. Prints the tables of docs/scale.md.
 *
 *     [BENCH_SIZES=3,10] node bench/mesh-scale.ts
 */
import { createHash } from 'node:crypto'
import { helloPeriodMs } from '../src/mesh/announce.ts'
import { shardCount } from '../src/mesh/index-message.ts'
import { startIndexNode } from '../src/mesh/index-node.ts'
import type { Digest } from '../src/oci/digest.ts'
import { silentLog } from '../src/ports/log.ts'
import type { PeerAnswer, PeerClient } from '../src/ports/peer-port.ts'
import { startSync } from '../src/sync/sync.ts'
import { recordsMessageType } from '../src/sync/wire.ts'
import { addressOf, type SimulatedMesh, simulateMesh } from '../test/mesh/simulated-node.ts'
import { createMemoryRecordStore } from '../test/support/memory-record-store.ts'
import { seededRandom } from '../test/support/random.ts'

const sizes = (process.env['BENCH_SIZES'] ?? '3,10,30,100').split(',').map(Number)
const computed = [1_000, 5_000]
const settleMs = 60_000
/** Long enough for the index to be told again. */
const measuredMs = 900_000
/** Learned in the whole cluster, one after the other. */
const recordEveryMs = 10_000
const blobs = 100
const ownersPerShard = 3
const refreshSeconds = 600
/** A shard's number and hash, and what frames them. */
const shardBytes = 22

interface Traffic {
  readonly messages: number
  readonly bytes: number
}

/** Per node; traffic per second, each message once however many copies of it go from node to node. */
interface Cost {
  readonly nodes: number
  readonly hellos: Traffic
  readonly records: Traffic
  /** Copies of a message that a node hands on. */
  readonly copies: number
  readonly sync: Traffic
  readonly index: Traffic
  readonly other: Traffic
  readonly owners: number
  readonly neighbours: number
}

/** Which part of the mesh a call belongs to. */
const partOf = (subject: string): 'sync' | 'index' | 'other' => {
  const [part] = subject.split('/')
  return part === 'sync' || part === 'index' ? part : 'other'
}

function createCounter() {
  const counts = new Map<string, { messages: number; bytes: number }>()
  return {
    add(what: string, messages: number, bytes: number) {
      const count = counts.get(what) ?? { messages: 0, bytes: 0 }
      count.messages += messages
      count.bytes += bytes
      counts.set(what, count)
    },
    clear: () => counts.clear(),
    perNode(what: string, nodes: number): Traffic {
      const { messages, bytes } = counts.get(what) ?? { messages: 0, bytes: 0 }
      const by = (nodes * measuredMs) / 1_000
      return { messages: messages / by, bytes: bytes / by }
    },
  }
}

type Counter = ReturnType<typeof createCounter>

/** Held blobs that do not change. */
function holdings(of: number): { digest: Digest; size: number }[] {
  return Array.from({ length: blobs }, (_, i) => {
    const hex = createHash('sha256').update(`blob ${of} ${i}`).digest('hex')
    return { digest: `sha256:${hex}` as Digest, size: 1 }
  })
}

async function addNode(mesh: SimulatedMesh, number: number, counter: Counter, owners: Set<string>) {
  const { time } = mesh
  const seeds = number === 0 ? [] : [addressOf(0), addressOf(Math.floor(number / 2))]
  const node = await mesh.start({ address: addressOf(number), seeds })
  const random = seededRandom(900 + number)
  const store = createMemoryRecordStore({ clock: time.clock })
  const client: Pick<PeerClient, 'call' | 'stream'> = {
    async call(id, subject, question, options) {
      if (subject === 'index/put') owners.add(`${node.id} ${id}`)
      counter.add(partOf(subject), 1, question.length)
      const answer = await node.end.peer.call(id, subject, question, options)
      counter.add(partOf(subject), 0, answer.length)
      return answer
    },
    // biome-ignore lint/correctness/useYield: no node is so far behind that it streams
    async *stream() {
      throw new Error('not in this simulation')
    },
  }
  const held = holdings(number)
  const parts = {
    members: node.members,
    clock: time.clock,
    timers: time.timers,
    random,
    log: silentLog,
  }
  const index = startIndexNode(
    {
      ...parts,
      client,
      store: {
        list: () => held as never,
        stat: digest => held.find(one => one.digest === digest) as never,
        onChange: () => () => {},
      },
    },
    { zone: undefined },
  )
  const sync = startSync({
    ...parts,
    store,
    bus: node.end.bus,
    peers: client,
    ageOut: async () => {},
    onMisbehaviour() {},
  })
  node.end.bus.judge((message, from) => {
    const isRecords = message[0] === recordsMessageType
    counter.add(isRecords ? 'records' : 'hellos', 1, message.length)
    return isRecords ? sync.judge(message, from) : node.judge(message, from)
  })
  const answers = [node.answers, index.answers, sync.answers].flatMap(each => [...each])
  node.end.answers = new Map<string, PeerAnswer>(answers)
  return { node, store, sync, index }
}

async function measure(size: number): Promise<Cost> {
  const endings: (() => unknown)[] = []
  const mesh = simulateMesh({ teardown: (end: () => unknown) => endings.push(end) } as never, size)
  const counter = createCounter()
  const owners = new Set<string>()
  const nodes: Awaited<ReturnType<typeof addNode>>[] = []
  for (let i = 0; i < size; i += 1) nodes.push(await addNode(mesh, i, counter, owners))
  await mesh.time.pass(settleMs)
  counter.clear()
  const before = nodes.map(({ node }) => node.end.sent.messages)
  for (let ms = 0; ms < measuredMs; ms += recordEveryMs) {
    const { store } = nodes[(ms / recordEveryMs) % size] ?? {}
    store?.operate(`docker.io/library/app:${ms}`, {
      type: 'local',
      atMs: mesh.time.clock.wallMs(),
      target: { digest: holdings(ms)[0]?.digest as Digest, mediaType: 'application/json', size: 1 },
      source: 'push',
      believeUntilMs: Number.POSITIVE_INFINITY,
    })
    await mesh.time.pass(recordEveryMs)
  }
  const handedOn = nodes.reduce(
    (sum, { node }, i) => sum + node.end.sent.messages - (before[i] ?? 0),
    0,
  )
  const traffic = (what: string): Traffic => counter.perNode(what, size)
  const heard = (traffic('hellos').messages + traffic('records').messages) * size
  const neighbours = nodes.reduce((sum, { node }) => sum + node.end.bus.neighbours().length, 0)
  const counts = new Set(nodes.map(({ store }) => store.count()))
  if (counts.size > 1) process.stderr.write(`${size} nodes: ledgers differ at the end\n`)
  const cost: Cost = {
    nodes: size,
    hellos: traffic('hellos'),
    records: traffic('records'),
    copies: handedOn / (measuredMs / 1_000) / heard,
    sync: traffic('sync'),
    index: traffic('index'),
    other: traffic('other'),
    owners: owners.size / size,
    neighbours: neighbours / size,
  }
  for (const { sync, index } of nodes) {
    sync.close()
    void index.close()
  }
  const ended = Promise.all(endings.map(end => end()))
  await mesh.time.pass(5_000)
  await ended
  return cost
}

/**
 * What larger clusters come to: hellos by their period, records and comparisons as they are (they do not depend on the number of nodes),
 * the index by how many nodes own any shard that a node holds something of.
 */
function compute(nodes: number, base: Cost): Cost {
  const hellos = nodes / (helloPeriodMs(nodes) / 1_000)
  const shards = shardCount * (1 - (1 - 1 / shardCount) ** blobs)
  const owners = (nodes - 1) * (1 - (1 - ownersPerShard / nodes) ** shards)
  const put = owners / refreshSeconds
  return {
    ...base,
    nodes,
    hellos: { messages: hellos, bytes: (hellos * base.hellos.bytes) / base.hellos.messages },
    index: {
      messages: put,
      bytes: (shards * ownersPerShard * shardBytes) / refreshSeconds + put * 8,
    },
    owners,
  }
}

const round = (value: number): string =>
  value >= 100 ? value.toFixed(0) : value.toPrecision(value >= 1 ? 3 : 2)

function print(costs: readonly Cost[]): void {
  const row = (what: string, pick: (cost: Cost) => number): string =>
    `| ${[what, ...costs.map(cost => round(pick(cost)))].join(' | ')} |`
  const lines = [
    `| per node | ${costs.map(({ nodes }) => `${nodes} nodes`).join(' | ')} |`,
    `|---|${costs.map(() => '---').join('|')}|`,
    row('connections on the bus', c => c.neighbours),
    row('hellos heard, a second', c => c.hellos.messages),
    row('hellos heard, bytes a second', c => c.hellos.bytes),
    row('messages of records heard, a second', c => c.records.messages),
    row('messages of records heard, bytes a second', c => c.records.bytes),
    row('copies of a message handed on', c => c.copies),
    row('questions of sync, a second', c => c.sync.messages),
    row('of sync, bytes a second', c => c.sync.bytes),
    row('owners of the index told', c => c.owners),
    row('questions of the index, a second', c => c.index.messages),
    row('of the index, bytes a second', c => c.index.bytes),
    row('pings and pages of members, a second', c => c.other.messages),
  ]
  process.stdout.write(`${lines.join('\n')}\n`)
}

const costs: Cost[] = []
for (const size of sizes) {
  process.stderr.write(`${size} nodes\n`)
  costs.push(await measure(size))
}
const largest = costs.at(-1)
if (largest !== undefined) print([...costs, ...computed.map(nodes => compute(nodes, largest))])

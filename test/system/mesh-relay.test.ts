import t, { type Test } from 'tap'
import { rankOwners } from '../../src/ledger/rendezvous.ts'
import type { Digest } from '../../src/oci/digest.ts'
import { makeSingleImage } from '../support/image.ts'
import { type LoggedRequest, startRegistry } from '../support/registry.ts'
import { ask, pull } from './support/client.ts'
import type { MeshNode, MeshPlace, StartOptions } from './support/mesh.ts'
import { at, setScene } from './support/mesh-scene.ts'
import { freePort, until } from './support/process.ts'
import { requireSystem } from './support/requirements.ts'
import { registryName } from './support/world.ts'

requireSystem()

/** Silence in mid-transfer, in ms: what busy machines take for a breath, and what is to be noticed soon. */
const [breathMs, stallMs] = [20_000, 3_000]
/** What a busy machine may add; less than a relay is waited for that nobody races. */
const slackMs = 3_000
/** Little enough for five nodes on two processors. */
const bytesPerSecond = 6_000_000
const names = ['n1', 'n2', 'n3', 'n4', 'n5'] as const

/** An image that a slow registry holds and nobody else, and five nodes that have never asked for anything. */
async function openFive(
  t: Test,
  layers: readonly number[],
  { reaching = names, stallMs = breathMs }: { reaching?: readonly string[]; stallMs?: number } = {},
) {
  const image = makeSingleImage({ layers })
  const { digest, mediaType, blobs } = image
  const images = { big: { blobs, tags: new Map([['latest', { digest, mediaType }]]) } }
  const registry = await startRegistry({ images })
  t.teardown(() => registry.close())
  const { places, startAll } = await setScene(t)
  const nowhere = `http://127.0.0.1:${await freePort()}`
  const configOf = (name: string) => ({
    upstreams: { [registryName]: { url: reaching.includes(name) ? registry.url : nowhere } },
  })
  const peer = { stallMs }
  const nodes = await startAll(
    ...(await places(...names)).map((place): [MeshPlace, StartOptions] => [
      place,
      { peer, config: configOf(place.name) },
    ]),
  )
  await untilQuiet(nodes)
  const slow = registry.fault({ do: 'slow', bytesPerSecond }, { kind: 'blob' })
  const one = [image.config, ...image.layers].reduce((sum, { size }) => sum + size, 0)
  return {
    nodes,
    registry,
    slow,
    layer: at(image.layers, 0),
    /** Copies of the image that the registry sent. */
    copies() {
      t.ok(slow.hits > 0, 'the registry was slow')
      return registry.bytesSent('blob') / one
    },
    async pullAll(from = nodes) {
      const beganMs = performance.now()
      const pulled = await Promise.all(from.map(pullInTheEnd))
      for (const each of pulled) t.equal(each.digest, digest)
      t.comment(`${Math.round(performance.now() - beganMs)} ms`)
    },
  }
}

/** Nodes that start at once on a small machine take each other for doubtful at first. */
async function untilQuiet(nodes: readonly MeshNode[]): Promise<void> {
  let since = performance.now()
  await until('nobody is in doubt about anybody', async () => {
    const all = await Promise.all(nodes.map(node => node.peers()))
    const isSure = all.every(({ members }) => members.every(({ state }) => state === 'alive'))
    if (!isSure) since = performance.now()
    return performance.now() - since > 2_000
  })
}

/** As containerd does, asks anew for what nobody answered in time. */
function pullInTheEnd(node: MeshNode) {
  return until(`${node.name} pulls it`, async () => {
    const pulled = await pull(node.mirror, registryName, 'big', 'latest').catch(noneIfLate)
    return pulled?.status === 200 && pulled
  })
}

function noneIfLate(error: Error): undefined {
  if (!/no byte in time|not within \d+ ms/.test(error.message)) throw error
}

/** The nodes in the order in which they fetch a blob for each other. */
async function inOrder(nodes: readonly MeshNode[], digest: Digest): Promise<readonly MeshNode[]> {
  const byId = new Map<string, MeshNode>()
  for (const node of nodes) byId.set((await node.peers()).self?.id ?? '', node)
  const ranked = rankOwners(digest, [...byId.keys()], nodes.length).map(id => byId.get(id))
  return ranked.filter(node => node !== undefined)
}

/** That so much of one blob was sent to one node. */
const hasSent = (enough: number) => (log: readonly LoggedRequest[]) =>
  log.some(({ kind, bytes }) => kind === 'blob' && bytes > enough)

const blobUrl = (node: MeshNode, digest: Digest) =>
  `${node.mirror}/v2/big/blobs/${digest}?ns=${registryName}`

t.test('five pull at once what nobody holds: the registry sends one copy', async t => {
  const { pullAll, copies } = await openFive(t, [12_000_000, 12_000_000])
  await pullAll()
  const sent = copies()
  t.ok(sent <= 1.05, `${sent.toFixed(3)} copies`)
})

t.test('only one of five reaches the registry: it sends one copy, and all have it', async t => {
  const { pullAll, copies } = await openFive(t, [12_000_000], { reaching: ['n4'] })
  await pullAll()
  const sent = copies()
  t.ok(sent <= 1.05, `${sent.toFixed(3)} copies`)
})

for (const how of ['SIGKILL', 'SIGSTOP'] as const) {
  t.test(`who fetches for all gets ${how} in the middle: one other fetches the rest`, async t => {
    const { nodes, layer, registry, slow, pullAll } = await openFive(t, [60_000_000], { stallMs })
    const [owner, ...others] = await inOrder(nodes, layer.digest)
    if (owner === undefined) throw new Error('no node')
    const mine = ask(blobUrl(owner, layer.digest)).catch(() => undefined)
    const theirs = pullAll(others)
    await registry.waitFor(hasSent(layer.size / 2), 60_000)
    process.kill(owner.pid, how)
    const before = registry.bytesSent('blob')
    await theirs
    const fetches = registry.log.filter(({ kind, bytes }) => kind === 'blob' && bytes > 1_000_000)
    t.equal(fetches.length, 2, 'one before and one after')
    t.match(fetches[1]?.range, /^bytes=[1-9]\d+-/, 'by range')
    // Lost is what it had not passed on; all from the start would be 1.5. What the registry sends on to a process that
    // stands still, as much as its sockets hold, is nobody's to save.
    const asked = (before + (fetches[1]?.bytes ?? 0)) / layer.size
    t.ok(asked <= 1.25, `${asked.toFixed(3)} copies`)
    t.ok(slow.hits > 0, 'the registry was slow')
    await owner.stop('SIGKILL')
    await mine
  })
}

t.test('who would fetch for all stands still: the first byte is not long in coming', async t => {
  const { nodes, layer, registry, pullAll } = await openFive(t, [10_000_000], { stallMs })
  const [owner, ...others] = await inOrder(nodes, layer.digest)
  if (owner === undefined) throw new Error('no node')
  process.kill(owner.pid, 'SIGSTOP')
  const beganMs = performance.now()
  const pulling = pullAll(others)
  await registry.waitFor(hasSent(100_000), 60_000)
  const firstMs = performance.now() - beganMs
  t.ok(firstMs < 1_500 + slackMs, `after ${Math.round(firstMs)} ms`)
  await pulling
  const fetches = registry.log.filter(({ kind, bytes }) => kind === 'blob' && bytes > 1_000_000)
  t.equal(fetches.length, 1, 'by one for all')
})

t.test('many lean on one holder as the uplink dies: their first requests are answered', async t => {
  const { nodes, registry } = await openFive(t, [3_000_000])
  const [holder, ...others] = nodes
  if (holder === undefined) throw new Error('no node')
  const { digest } = await pull(holder.mirror, registryName, 'big', 'latest')
  for (const node of others) {
    await until(`${node.name} has heard of the tag`, async () => {
      const { members } = await node.peers()
      return members.some(({ name, isLedgerEqual }) => name === holder.name && isLedgerEqual)
    })
  }
  await registry.refuse()
  const pulled = await Promise.all(
    others.map(node => pull(node.mirror, registryName, 'big', 'latest')),
  )
  for (const each of pulled) t.match(each, { status: 200, digest })
})

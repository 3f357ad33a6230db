import { setTimeout as delay } from 'node:timers/promises'
import { ask, pull } from '../test/system/support/client.ts'
import type { MeshNode } from '../test/system/support/mesh.ts'
import { runChild } from './child.ts'
import { atMost, beside, type Figure } from './figure.ts'
import type { Load, LoadResult } from './load.ts'
import { residentMb } from './memory.ts'
import { cpuMsOf, knowing, loadFigure, startMeshOf, stopAll } from './mesh-scene.ts'
import { median, quantile } from './quantile.ts'
import { acceptHeaders, mirrorPath, registryName, type Scene } from './scene.ts'
import { startUpstream, type Upstream } from './upstream.ts'

const sizes = (process.env['BENCH_SIZES'] ?? '3,20').split(',').map(Number)
const settleMs = 20_000
const idleMs = 15_000
/** Tags learned one after the other; fewer where the nodes are more than the machine has time for. */
const tagsIn = (size: number): number => (size > 20 ? 15 : 40)
/** Load is measured in meshes up to this size. */
const maxLoaded = 20
const pollMs = 20
/** Between two tags: the first word after a pause is told at once, later ones together. */
const pauseMs = 500
const giveUpMs = 15_000
/** Nodes that are asked whether they know a tag, at the most: all at once would take the processors from those that are measured. */
const maxWatched = 12
const repository = 'app'

/** Whole node processes in a mesh over libp2p on loopback: what they cost idle, and how soon all know what one learned. */
export async function meshNodes(scene: Scene): Promise<readonly Figure[]> {
  const upstream = await startUpstream()
  scene.owned.defer(upstream.close)
  const figures: Figure[] = []
  for (const size of sizes) figures.push(...(await measure(scene, upstream, size)))
  return figures
}

async function measure(scene: Scene, upstream: Upstream, size: number): Promise<readonly Figure[]> {
  scene.say(`${size} nodes`)
  // One of them reaches the registry; the others only remember.
  const nodes = await startMeshOf(scene, `mesh-${size}`, size, i => ({
    ...knowing(upstream.url),
    ...(i > 0 && { mode: 'offline' }),
  }))
  try {
    scene.say('idle')
    const idle = await measureIdle(nodes, size)
    tell(scene, idle)
    scene.say('publish to merged')
    const told = await measureTold(nodes, upstream, size)
    tell(scene, told)
    return [...idle, ...told, await loadFigure(`a mesh of ${size}`)]
  } finally {
    await stopAll(nodes)
  }
}

/** At once: a large mesh takes minutes, and what is known is not to be lost with the rest. */
function tell(scene: Scene, figures: readonly Figure[]): void {
  for (const { what, value, unit } of figures) scene.say(`${what}: ${value.toFixed(1)} ${unit}`)
}

async function measureIdle(nodes: readonly MeshNode[], size: number): Promise<readonly Figure[]> {
  await delay(settleMs)
  const before = await Promise.all(nodes.map(({ pid }) => cpuMsOf(pid)))
  await delay(idleMs)
  const after = await Promise.all(nodes.map(({ pid }) => cpuMsOf(pid)))
  const resident = await Promise.all(nodes.map(({ pid }) => residentMb(pid)))
  const shares = after.map((ms, i) => ((ms - (before[i] ?? 0)) / idleMs) * 100)
  const peers = await Promise.all(nodes.map(node => node.peers()))
  const degrees = peers.map(({ self }) => self?.neighbours ?? 0)
  const what = `a node of ${size}`
  return [
    {
      what: `${what}: resident, idle, median`,
      value: median(resident),
      unit: 'MB',
      ...(size === 20 && { aim: atMost(150) }),
    },
    { what: `${what}: resident, idle, largest`, value: Math.max(...resident), unit: 'MB' },
    { what: `${what}: processor, idle, median, of a core`, value: median(shares), unit: '%' },
    { what: `${what}: processor, idle, most, of a core`, value: Math.max(...shares), unit: '%' },
    { what: `${what}: connections on the bus, median`, value: median(degrees), unit: 'times' },
  ]
}

async function measureTold(
  nodes: readonly MeshNode[],
  upstream: Upstream,
  size: number,
): Promise<readonly Figure[]> {
  const [learner, ...others] = nodes
  const [one] = others
  if (learner === undefined || one === undefined) return []
  const step = Math.ceil(others.length / maxWatched)
  const watched = others.filter((_, i) => i % step === 0)
  const mergedMs: number[] = []
  const learnedMs: number[] = []
  const firstMs: number[] = []
  let early = 0
  const tags = tagsIn(size)
  for (let i = 0; i < tags; i += 1) {
    const tag = `t${size}-${i}`
    await upstream.tell({
      do: 'publish',
      images: [{ repository, tag, salt: tag, layers: [1_000] }],
    })
    await delay(pauseMs)
    const merging = Promise.withResolvers<number>()
    const merged = watched.map(
      async node => (await untilListed(node, tag)) - (await merging.promise),
    )
    // The HEAD is the moment at which the tag is known; what follows makes it complete.
    await ask(learner.mirror + mirrorPath(repository, 'manifests', tag), { method: 'HEAD' })
    merging.resolve(performance.now())
    await pull(learner.mirror, registryName, repository, tag)
    const learnedAtMs = performance.now()
    const first = await ask(one.mirror + mirrorPath(repository, 'manifests', tag), {
      method: 'HEAD',
    })
    if (first.status === 200) {
      early += 1
      firstMs.push(first.tookMs)
    }
    learnedMs.push((await untilAnswered(one, tag)) - learnedAtMs)
    mergedMs.push(...(await Promise.all(merged)).map(ms => Math.max(0, ms)))
  }
  await pull(one.mirror, registryName, repository, `t${size}-1`)
  const load = size > maxLoaded ? [] : await besideLocal(one, `t${size}-0`, `t${size}-1`)
  const what = `${size} nodes: a tag learned by one`
  return [
    { what: `${what}, known to each other, p50`, value: quantile(mergedMs, 0.5), unit: 'ms' },
    {
      what: `${what}, known to each other, p99`,
      value: quantile(mergedMs, 0.99),
      unit: 'ms',
      aim: atMost(500),
    },
    {
      what: `${what}, pulled there, answered by another, p50`,
      value: quantile(learnedMs, 0.5),
      unit: 'ms',
      aim: atMost(50),
    },
    {
      what: `${what}, pulled there, answered by another, p99`,
      value: quantile(learnedMs, 0.99),
      unit: 'ms',
    },
    { what: `${what}: asked at that moment, answered, of ${tags}`, value: early, unit: 'times' },
    ...load,
  ]
}

/** When a node lists it. */
async function untilListed(node: MeshNode, tag: string): Promise<number> {
  const end = performance.now() + giveUpMs
  for (;;) {
    const answer = await fetch(`${node.mirror}/v2/${repository}/tags/list?ns=${registryName}`)
    const text = await answer.text()
    if (text.includes(`"${tag}"`)) return performance.now()
    if (performance.now() > end) throw new Error(`${node.name} does not come to know ${tag}`)
    await delay(pollMs)
  }
}

/** When a node answers it. */
async function untilAnswered(node: MeshNode, tag: string): Promise<number> {
  const end = performance.now() + giveUpMs
  for (;;) {
    const url = node.mirror + mirrorPath(repository, 'manifests', tag)
    const { status } = await ask(url, { method: 'HEAD' })
    if (status === 200) return performance.now()
    if (performance.now() > end) throw new Error(`${node.name} does not answer ${tag}`)
    await delay(pollMs)
  }
}

/** A tag whose content another node holds beside one whose content is held, and at more connections; errors are counted. */
async function besideLocal(one: MeshNode, ofPeer: string, own: string): Promise<readonly Figure[]> {
  const figures: Figure[] = []
  for (const connections of [8, 32]) {
    const there: number[] = []
    const here: number[] = []
    let errors = 0
    for (let round = 0; round < 5; round += 1) {
      const peers = await load(one, ofPeer, connections)
      there.push(peers.perSecond)
      here.push((await load(one, own, connections)).perSecond)
      errors += peers.failures + peers.requests - (peers.statuses[200] ?? 0)
    }
    const what = `GET of a tag held by a peer, ${connections} connections`
    figures.push({ what, unit: 'req/s', ...beside(there, 'a tag that it holds', here) })
    figures.push({ what: `${what}: errors`, value: errors, unit: 'times', aim: atMost(0) })
  }
  return figures
}

const load = (node: MeshNode, tag: string, connections: number): Promise<LoadResult> =>
  runChild<LoadResult>('load', {
    port: Number(new URL(node.mirror).port),
    method: 'GET',
    target: mirrorPath(repository, 'manifests', tag),
    headers: acceptHeaders,
    connections,
    durationMs: 1_000,
    warmupMs: 300,
  } satisfies Load)

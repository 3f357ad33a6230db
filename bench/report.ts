import { pull } from '../test/system/support/client.ts'
import type { MeshNode } from '../test/system/support/mesh.ts'
import { until } from '../test/system/support/process.ts'
import { atMost, type Figure } from './figure.ts'
import { knowing, startMeshOf } from './mesh-scene.ts'
import { quantile } from './quantile.ts'
import { registryName, type Scene } from './scene.ts'
import { timed } from './timed.ts'
import { startUpstream, type Upstream } from './upstream.ts'

const images = 200
const rounds = 20
const copies = 2

/** The offline report over 200 images in a mesh of three, beside the cheapest question of the same API. */
export async function report(scene: Scene): Promise<readonly Figure[]> {
  const upstream = await startUpstream()
  scene.owned.defer(upstream.close)
  const nodes = await startMeshOf(scene, 'report', 3, () => ({
    ...knowing(upstream.url),
    keep: { patterns: ['**'], copies },
  }))
  const [first] = nodes
  if (first === undefined) return []
  await fill(scene, upstream, nodes)
  await until(
    'every image is held by two',
    async () => (await ask(first)).verdict === 'ready',
    60_000,
  )
  const reports: number[] = []
  const bare: number[] = []
  for (let round = 0; round < rounds; round += 1) {
    bare.push(await timed(() => first.ask('/api/v1/pins')))
    reports.push(await timed(() => ask(first)))
  }
  const what = `the offline report over ${images} images, three nodes`
  const peer = { name: 'GET /api/v1/pins, empty', value: quantile(bare, 0.5) }
  return [
    { what: `${what}: p50`, value: quantile(reports, 0.5), unit: 'ms', peer },
    {
      what: `${what}: slowest of ${rounds}`,
      value: Math.max(...reports),
      unit: 'ms',
      aim: atMost(1_000),
    },
  ]
}

interface Told {
  readonly verdict: string
  readonly items: readonly object[]
}

async function ask(node: MeshNode): Promise<Told> {
  const told = await node.ask<Told>('/api/v1/report')
  return told.items.length === images ? told : { ...told, verdict: 'not whole' }
}

/** Each image is pulled on two of the nodes. */
async function fill(scene: Scene, upstream: Upstream, nodes: readonly MeshNode[]): Promise<void> {
  scene.say(`${images} images are pulled`)
  for (let at = 0; at < images; at += 1) {
    const spec = { salt: `${at}`, layers: [20_000, 3_000] }
    const repository = `app${at}`
    await upstream.tell({ do: 'publish', images: [{ repository, tag: '1', ...spec }] })
    for (const shift of [0, 1]) {
      const node = nodes[(at + shift) % nodes.length]
      if (node !== undefined) await pull(node.mirror, registryName, repository, '1')
    }
  }
}

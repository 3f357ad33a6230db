import t from 'tap'
import { pull } from './support/client.ts'
import { type MeshNode, untilEqual } from './support/mesh.ts'
import { at, setScene } from './support/mesh-scene.ts'
import { until } from './support/process.ts'
import { requireSystem } from './support/requirements.ts'
import { registryName, withoutUplink } from './support/world.ts'

requireSystem()

const platforms = ['linux/amd64']

/** A job of one node for one image, as any node tells it. */
interface Job {
  readonly state: string
  readonly failed: number
  readonly nodes: readonly {
    readonly name: string
    readonly images: readonly {
      readonly state: string
      readonly digest?: string
      readonly reason?: string
    }[]
  }[]
}

/** Gives a node a job for itself alone, and waits until it is over. */
async function warm(node: MeshNode, id: string, repository: string, how: object = {}) {
  const body = { images: [`${registryName}/${repository}:latest`], nodes: [node.name], ...how }
  await node.ask(`/api/v1/jobs/${id}`, { method: 'PUT', body })
  const job = await until(`${id} is over`, async () => {
    const told: Job = await node.ask(`/api/v1/jobs/${id}`)
    return !['running', 'waiting'].includes(told.state) && told
  })
  return { state: job.state, image: at(at(job.nodes, 0).images, 0) }
}

t.test('a node fetches through one that reaches the registry', async t => {
  const scene = await setScene(t)
  const { world } = scene
  const image = await world.push('app', 'latest', { platforms, layers: [300_000] })
  const places = await scene.places('galley', 'bridge')
  const nodes = await scene.startAll([at(places, 0), { config: withoutUplink() }], [at(places, 1)])
  const galley = at(nodes, 0)

  const { state, image: told } = await warm(galley, 'night', 'app', { referrers: true })
  t.equal(state, 'done')
  t.match(told, { state: 'done', digest: image.digest })
  t.match(
    told.reason,
    /^what refers to it could not be asked: this node does not reach .*app, others do/,
  )
  t.ok(world.uplink.bytesSent('blob') >= 300_000, 'bridge had it from the registry')
  await world.uplink.refuse()
  await at(nodes, 1).stop('SIGKILL')
  t.equal((await pull(galley.mirror, registryName, 'app', 'latest')).status, 200, 'all is here')
})

t.test(
  'without any registry a node fetches what the ledger says from one that holds it',
  async t => {
    const scene = await setScene(t)
    const { world } = scene
    const image = await world.push('app', 'latest', { platforms, layers: [300_000] })
    const places = await scene.places('bridge', 'galley')
    const nodes = await scene.startAll([at(places, 0)], [at(places, 1)])
    const [bridge, galley] = [at(nodes, 0), at(nodes, 1)]
    t.equal((await pull(bridge.mirror, registryName, 'app', 'latest')).status, 200)
    await world.uplink.refuse()
    await untilEqual(nodes)

    const { state, image: told } = await warm(galley, 'night', 'app')
    t.equal(state, 'done')
    t.match(told, { digest: image.digest, reason: 'from the ledger; registry not reached' })
    await bridge.stop('SIGKILL')
    t.equal((await pull(galley.mirror, registryName, 'app', 'latest')).status, 200, 'all is here')
  },
)

import { join } from 'node:path'
import t, { type Test } from 'tap'
import { folderOf, follow, reaches } from '../adapters/containerd/support.ts'
import { makeImage, type TestImage } from '../support/image.ts'
import { writeArchive } from './support/archive.ts'
import { type Containerd, pauseImage, startContainerd } from './support/containerd.ts'
import { type HoldfastNode, startNode } from './support/holdfast.ts'
import { until } from './support/process.ts'
import { containerdVersions, requireSystem } from './support/requirements.ts'
import { clientsWait, registryName, startWorld } from './support/world.ts'

requireSystem()

const reference = `${registryName}/app:1`
const patient = { answerMs: 5_000, listMs: 10_000 }

interface Place {
  readonly name: string
  readonly version: string
  readonly discardsLayers: boolean
  readonly client: Containerd
  readonly node: HoldfastNode
}

const ask = (node: HoldfastNode, path: string, method = 'GET') =>
  fetch(`${node.mirror}/v2/app/${path}?ns=${registryName}`, { method })

async function blobs(node: HoldfastNode, metric: string): Promise<number> {
  const found = new RegExp(`^${metric} (\\d+)$`, 'm').exec(await node.metrics())
  return Number(found?.[1])
}

t.test('what containerd keeps is held once; layers that it discards stay here', async t => {
  const world = await startWorld()
  t.teardown(() => world.close())
  const dir = await folderOf(t)
  const pause = join(dir, 'pause.tar')
  await writeArchive(pause, pauseImage, makeImage({ salt: 'pause' }))
  const image = await world.push('app', '1', {
    platforms: ['linux/amd64'],
    layers: [2_000_000, 50_000],
  })
  const kinds = containerdVersions.flatMap(version =>
    [false, true].map(discardsLayers => ({ version, discardsLayers })),
  )
  const places: Place[] = []
  for (const { version, discardsLayers } of kinds) {
    const name = `${version}${discardsLayers ? ' discarding layers' : ''}`
    const at = join(dir, `c${places.length}`)
    const client = await startContainerd(version, at, pause, [], { discardsLayers })
    t.teardown(() => client.stop())
    const { socket, configFile } = client
    const node = await startNode({
      dir: join(dir, `n${places.length}`),
      config: {
        ...world.config,
        ...clientsWait(10_000),
        store: { kind: 'both', minFreeBytes: '1MiB' },
        containerd: { socket, configFile },
      },
    })
    t.teardown(() => node.stop('SIGKILL'))
    await client.mirror(registryName, node.mirror)
    places.push({ name, version, discardsLayers, client, node })
  }
  await Promise.all(places.map(({ client }) => client.pull(reference, 60_000)))
  await world.uplink.refuse()

  for (const place of places) {
    await t.test(place.name, async t => {
      const { client, node, discardsLayers } = place
      const theirs = follow(t, client.socket, patient)
      await reaches(theirs, 'connected')
      const layers = image.for('linux/amd64').layers.map(({ digest }) => digest)
      t.ok(theirs.stat(image.digest), 'containerd has the index')
      if (discardsLayers) {
        await until('containerd has let the layers go', async () =>
          layers.every(layer => theirs.stat(layer) === undefined),
        )
        t.ok((await blobs(node, 'holdfast_blobs')) >= layers.length, 'they are here')
      } else {
        await until('our copies are gone', async () => (await blobs(node, 'holdfast_blobs')) === 0)
        for (const layer of layers) t.ok(theirs.stat(layer), `containerd has ${layer}`)
      }
      await servesAll(t, node, image)
    })
  }
})

/** By tag and by digest, although nobody else has it. */
async function servesAll(t: Test, node: HoldfastNode, image: TestImage): Promise<void> {
  await until('the tag is answered', async () => (await ask(node, 'manifests/1', 'HEAD')).ok)
  const manifests = [image.digest, image.for('linux/amd64').digest]
  for (const [digest, bytes] of image.blobs) {
    const kind = manifests.includes(digest) ? 'manifests' : 'blobs'
    const got = Buffer.from(await (await ask(node, `${kind}/${digest}`)).arrayBuffer())
    t.ok(got.equals(bytes), digest)
  }
}

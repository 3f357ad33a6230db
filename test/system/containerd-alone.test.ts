import { access, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { busyboxFiles } from '../support/layer.ts'
import { startRegistry } from '../support/registry.ts'
import { writeArchive } from './support/archive.ts'
import { runnable } from './support/archive-makers.ts'
import { pull } from './support/client.ts'
import { pauseImage, startContainerd } from './support/containerd.ts'
import { askTag, at, setScene } from './support/mesh-scene.ts'
import { succeeds, until } from './support/process.ts'
import { containerdVersions, requireSystem } from './support/requirements.ts'
import { registryName } from './support/world.ts'

requireSystem()

const busybox = busyboxFiles('/bin/busybox')

t.test('nodes that keep nothing serve what their containerds pulled through them', async t => {
  const dir = await mkdtemp(join(tmpdir(), 'holdfast-alone-'))
  t.teardown(() => rm(dir, { recursive: true, force: true, maxRetries: 5 }))
  const { world, places, startAll } = await setScene(t)
  const pause = join(dir, 'pause.tar')
  await writeArchive(pause, pauseImage, runnable('pause'))
  const clients = await Promise.all(
    containerdVersions.map(async version => {
      const client = await startContainerd(version, join(dir, `c${version}`), pause)
      t.teardown(() => client.stop())
      return client
    }),
  )
  // More than fits into the window of what passes through.
  const layers = [busybox, 9_000_000]
  const repositories = containerdVersions.map(version => `from${version.replace('.', '')}`)
  const images = await Promise.all(
    repositories.map(name =>
      world.push(name, 'latest', {
        layers,
        salt: name,
        config: { Cmd: ['/bin/sleep', '100000'], Env: ['PATH=/bin'] },
      }),
    ),
  )
  const silent = await startRegistry()
  t.teardown(() => silent.close())
  silent.freeze()
  const [asking, ...held] = await places('asks', ...repositories)
  if (asking === undefined) throw new Error('no place')
  const nodes = await startAll(
    [asking, { config: { upstreams: { [registryName]: { url: silent.url } } } }],
    ...clients.map(({ socket, configFile }, index) => {
      const config = { store: { kind: 'containerd' }, containerd: { socket, configFile } }
      return [at(held, index), { config }] satisfies Parameters<typeof startAll>[number]
    }),
  )
  await Promise.all(
    clients.map(async (client, index) => {
      const image = `${registryName}/${repositories[index]}:latest`
      await client.mirror(registryName, at(nodes, 1 + index).mirror)
      const pulled = () => succeeds(client.pull(image, 60_000))
      await until(`containerd ${client.version} has pulled`, pulled)
      t.match(await client.runPod(image, ['/bin/echo', 'alive']), 'alive')
    }),
  )
  world.uplink.freeze()

  for (const [index, { version, pull: pullAgain }] of clients.entries()) {
    const [node, repository, image] = [
      at(nodes, 1 + index),
      at(repositories, index),
      at(images, index),
    ]
    await until(`all of it is known to be in containerd ${version}`, async () => {
      const answer = await askTag(node, repository)
      return answer.status === 200 && answer.source === 'ledger'
    })
    t.ok(await pullAgain(`${registryName}/${repository}:latest`, 30_000), 'an Always pull')
    await until(`${repository} is known elsewhere`, async () => {
      return (await askTag(at(nodes, 0), repository)).status === 200
    })
    const got = await pull(at(nodes, 0).mirror, registryName, repository, 'latest')
    t.equal(got.digest, image.digest, `out of containerd ${version}`)
    const blobs = join(at(held, index).dir, 'data', 'blobs')
    await t.rejects(access(blobs), { code: 'ENOENT' }, 'nothing of ours is on the disk')
    t.match(await node.metrics(), /^holdfast_degraded\{reason="store_full"\} 0$/m)
    t.notMatch(node.output(), 'may drop layers')
  }
})

import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { makeImage } from '../support/image.ts'
import { busyboxFiles } from '../support/layer.ts'
import { writeArchive } from './support/archive.ts'
import { pull } from './support/client.ts'
import { pauseImage, startContainerd } from './support/containerd.ts'
import { askTag, at, setScene } from './support/mesh-scene.ts'
import { freePort, until } from './support/process.ts'
import { containerdVersions, requireSystem } from './support/requirements.ts'
import { registryName } from './support/world.ts'

requireSystem()

const image = `${registryName}/app:latest`
const busybox = busyboxFiles('/bin/busybox')

t.test('the image is on node 1 alone and the registry is gone: pods run on the others', async t => {
  const dir = await mkdtemp(join(tmpdir(), 'holdfast-containerd-'))
  t.teardown(() => rm(dir, { recursive: true, force: true, maxRetries: 5 }))
  const { world, places, startAll } = await setScene(t)
  const runnable = {
    layers: [busybox, 200_000],
    config: { Cmd: ['/bin/sleep', '100000'], Env: ['PATH=/bin'] },
  }
  const pause = join(dir, 'pause.tar')
  await writeArchive(pause, pauseImage, makeImage({ ...runnable, salt: 'pause' }))
  const [p1, p2, p3] = await places('n1', 'n2', 'n3')
  if (p1 === undefined || p2 === undefined || p3 === undefined) throw new Error('no place')
  // From the start: nobody listens there.
  const nowhere = `http://127.0.0.1:${await freePort()}`
  const config = { upstreams: { [registryName]: { url: nowhere } } }
  const nodes = await startAll([p1], [p2, { config }], [p3, { config }])
  const pushed = await world.push('app', 'latest', runnable)
  const first = await pull(at(nodes, 0).mirror, registryName, 'app', 'latest')
  t.equal(first.digest, pushed.digest)
  t.equal(first.source, 'upstream')
  await world.uplink.refuse()

  for (const [index, version] of containerdVersions.entries()) {
    const node = at(nodes, 1 + (index % 2))
    const client = await startContainerd(version, join(dir, `c${version}`), pause)
    t.teardown(() => client.stop())
    await client.mirror(registryName, node.mirror)
    const beganMs = performance.now()
    t.ok(await client.pull(image, 30_000), `containerd ${version} pulled by ${node.name}`)
    t.comment(`${version}: ${Math.round(performance.now() - beganMs)} ms`)
    t.match(await client.runPod(image, ['/bin/echo', `alive ${version}`]), /alive/)
    await client.stop()
  }
  const sent = /^holdfast_peer_sent_bytes_total\{.*\} [1-9]/m
  t.match(await at(nodes, 0).metrics(), sent, 'the bytes came from node 1')
})

t.test('images that only a containerd holds are pulled by tag on another node', async t => {
  const dir = await mkdtemp(join(tmpdir(), 'holdfast-containerd-'))
  t.teardown(() => rm(dir, { recursive: true, force: true, maxRetries: 5 }))
  const { places, startAll } = await setScene(t)
  const runnable = {
    layers: [busybox, 200_000],
    config: { Cmd: ['/bin/sleep', '100000'], Env: ['PATH=/bin'] },
  }
  const pause = join(dir, 'pause.tar')
  await writeArchive(pause, pauseImage, makeImage({ ...runnable, salt: 'pause' }))
  const holders = await Promise.all(
    containerdVersions.map(async version => {
      const containerd = await startContainerd(version, join(dir, `c${version}`), pause)
      t.teardown(() => containerd.stop())
      return { version, containerd, image: makeImage({ ...runnable, salt: version }) }
    }),
  )
  const nowhere = `http://127.0.0.1:${await freePort()}`
  const upstreams = { [registryName]: { url: nowhere } }
  const [asking, ...held] = await places('asks', 'a16', 'a17', 'a21')
  if (asking === undefined || held.length !== holders.length) throw new Error('no place')
  const nodes = await startAll(
    [asking, { config: { upstreams } }],
    ...holders.map(({ containerd }, index) => {
      const store = { minFreeBytes: '1MiB', kind: 'both' }
      const config = { upstreams, store, containerd: { socket: containerd.socket } }
      return [at(held, index), { config }] satisfies Parameters<typeof startAll>[number]
    }),
  )
  const client = await startContainerd('1.7', join(dir, 'asking'), pause)
  t.teardown(() => client.stop())
  const { mirror } = at(nodes, 0)
  await client.mirror(registryName, mirror)

  for (const [index, { version, containerd, image }] of holders.entries()) {
    const repository = `from${version.replace('.', '')}`
    const name = `${registryName}/${repository}:1`
    const archive = join(dir, `${repository}.tar`)
    await writeArchive(archive, name, image)
    await containerd.ctr('-n', 'k8s.io', 'images', 'import', archive)
    const beganMs = performance.now()
    await until(`${name} is known elsewhere`, async () => {
      const answer = await askTag(at(nodes, 0), repository, '1')
      return answer.status === 200 && answer.digest === image.digest
    })
    t.comment(`${version}: known elsewhere after ${Math.round(performance.now() - beganMs)} ms`)
    t.ok(await client.pull(name, 30_000), `out of containerd ${version}`)
    t.match(await client.runPod(name, ['/bin/echo', `alive ${version}`]), /alive/)
    const own = await at(nodes, 1 + index).metrics()
    t.match(own, /^holdfast_blobs 0$/m, 'its node has no copy of its own')
    t.match(own, /^holdfast_containerd_state\{state="connected"\} 1$/m)
  }
})

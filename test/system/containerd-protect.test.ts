import { chmod, chown } from 'node:fs/promises'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import type { Digest } from '../../src/oci/digest.ts'
import { eventually, folderOf, follow, reaches } from '../adapters/containerd/support.ts'
import { readAll } from '../ports/content-store.support.ts'
import { makeImage, type TestImage } from '../support/image.ts'
import { writeArchive } from './support/archive.ts'
import { type Containerd, pauseImage, startContainerd } from './support/containerd.ts'
import { startNode } from './support/holdfast.ts'
import { until } from './support/process.ts'
import {
  type ContainerdVersion,
  containerdVersions,
  requireSystem,
} from './support/requirements.ts'
import { registryName, startWorld, type World } from './support/world.ts'

requireSystem()

const reference = `${registryName}/app:1`
const patient = { answerMs: 5_000, listMs: 10_000, checkEveryMs: 500, listEveryMs: 5_000 }
const platforms = ['linux/amd64']

t.jobs = containerdVersions.length
for (const version of containerdVersions) {
  t.test(`containerd ${version}`, { buffered: true }, async t => {
    const world = await startWorld()
    const dir = await folderOf(t)
    const client = await startWithPause(version, dir)
    t.teardown(async () => {
      await client.stop()
      await world.close()
    })
    await client.mirror(registryName, world.uplink.url)
    await t.test('what is to be kept outlives all that strips its protection', t =>
      outlivesCollections(t, world, client, dir),
    )
    await t.test('ten restarts in the middle of pulls: what came is known, and whole', t =>
      followsRestarts(t, world, client),
    )
  })
}

t.test('a socket that may not be opened is told, and opened once it may be', async t => {
  const dir = await folderOf(t)
  const client = await startWithPause('1.7', dir)
  t.teardown(() => client.stop())
  await chown(client.socket, 65534, 65534)
  await chmod(client.socket, 0o600)
  const store = { kind: 'both', minFreeBytes: '1MiB' }
  const node = await startNode({
    dir: join(dir, 'holdfast'),
    config: { store, containerd: { socket: client.socket } },
    through: ['setpriv', '--bounding-set', '-dac_override,-dac_read_search'],
  })
  t.teardown(() => node.stop('SIGKILL'))
  const isIn = (state: string) =>
    until(state, async () =>
      (await node.metrics()).includes(`holdfast_containerd_state{state="${state}"} 1`),
    )
  await isIn('denied')
  const told = await node.ask<{ containerd: { failure: string } }>('/api/v1/status')
  t.match(told.containerd.failure, /EACCES/)
  const ready = await fetch(`${node.health}/readyz`)
  t.equal(ready.status, 200)
  t.match(await ready.text(), /containerd_unusable/)
  await chown(client.socket, 0, 0)
  await isIn('connected')
})

async function startWithPause(version: ContainerdVersion, dir: string): Promise<Containerd> {
  const pause = join(dir, 'pause.tar')
  await writeArchive(pause, pauseImage, makeImage({ salt: 'pause' }))
  return startContainerd(version, join(dir, 'node'), pause)
}

async function outlivesCollections(
  t: Test,
  world: World,
  client: Containerd,
  dir: string,
): Promise<void> {
  const kept = await world.push('app', '1', { platforms, salt: 'kept' })
  const byDigest = `${registryName}/app@${kept.digest}`
  const store = follow(t, client.socket, patient)
  await reaches(store, 'connected')
  store.protect(new Set([kept.digest]))

  const hasLabel = async (name: string) => {
    const lines = (await client.ctr('-n', 'k8s.io', 'images', 'ls')).split('\n')
    const line = lines.find(each => each.startsWith(`${name} `))
    return line?.includes('io.cri-containerd.pinned=pinned') === true
  }
  const isProtected = async (...names: string[]) => {
    for (const name of names) await until(`${name} is labelled`, () => hasLabel(name))
  }

  await client.pull(reference)
  await isProtected(reference, byDigest)
  await client.pull(reference) // imagePullPolicy: Always
  await isProtected(reference, byDigest)

  // K3s takes its labels off at each start, deletes the name and makes it anew from the archive.
  const archive = join(dir, 'app.tar')
  await writeArchive(archive, reference, kept)
  await client.ctr('-n', 'k8s.io', 'images', 'label', byDigest, 'io.cri-containerd.pinned=')
  await client.ctr('-n', 'k8s.io', 'images', 'rm', reference)
  await client.ctr('-n', 'k8s.io', 'images', 'import', archive)
  await isProtected(reference, byDigest)

  const moved = await world.push('app', '1', { platforms, salt: 'moved' })
  await client.pull(reference)
  await until('the moved tag is let go', async () => !(await hasLabel(reference)))
  await isProtected(byDigest)
  await eventually('all of the new image is there', () => holds(store.stat, moved))

  await client.collect()
  await eventually('what is not kept is collected', () => store.stat(moved.digest) === undefined)
  for (const [digest, bytes] of kept.blobs) {
    const reader = await store.open(digest)
    t.ok(reader && (await readAll(reader, bytes.length)).equals(bytes), digest)
    await reader?.close()
  }
  t.comment(`the kept image has ${(await hasLabel(byDigest)) ? 'its name' : 'no name any more'}`)
  store.protect(new Set())
  await until('it is let go', async () => !(await hasLabel(byDigest)))
  await client.ctr('-n', 'k8s.io', 'images', 'import', join(dir, 'pause.tar')) // something to collect in any case
  await client.collect()
  await eventually('what is let go is collected', () => store.stat(kept.digest) === undefined)
}

async function followsRestarts(t: Test, world: World, client: Containerd): Promise<void> {
  const store = follow(t, client.socket, patient)
  await reaches(store, 'connected')
  let interrupted = 0
  for (let round = 0; round < 10; round += 1) {
    const image = await world.push('app', `r${round}`, {
      platforms,
      layers: [3_000_000, 1_000_000],
      salt: `round ${round}`,
    })
    const name = `${registryName}/app:r${round}`
    const pulling = client.pull(name).then(
      () => false,
      () => true,
    )
    const asked = world.uplink.waitFor(
      log => log.some(({ path }) => path.includes(`/manifests/r${round}`)),
      60_000,
    )
    await Promise.race([asked, pulling])
    await new Promise(resolve => setTimeout(resolve, 5 * round))
    await client.restart(round % 2 === 0 ? 'SIGKILL' : 'SIGTERM')
    if (await pulling) interrupted += 1
    await until(`${name} is pulled`, () => client.pull(name).then(Boolean, () => false))
    const beganMs = performance.now()
    await reaches(store, 'connected')
    await eventually(`${name} is known`, () => holds(store.stat, image))
    t.comment(`known ${Math.round(performance.now() - beganMs)} ms after the pull`)
  }
  t.ok(interrupted > 0, `${interrupted} pulls were cut`)
}

const holds = (stat: (digest: Digest) => object | undefined, image: TestImage): boolean =>
  [...image.blobs.keys()].every(digest => stat(digest) !== undefined)

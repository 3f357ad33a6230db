import { rename } from 'node:fs/promises'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import type { FoundImage, NeighbourStore } from '../../src/ports/neighbour-store.ts'
import { eventually, folderOf, follow, reaches } from '../adapters/containerd/support.ts'
import { readAll } from '../ports/content-store.support.ts'
import { makeImage } from '../support/image.ts'
import { writeArchive } from './support/archive.ts'
import { pauseImage, startContainerd } from './support/containerd.ts'
import { until } from './support/process.ts'
import { containerdVersions, requireSystem } from './support/requirements.ts'

requireSystem()

const image = makeImage({ platforms: ['linux/amd64'], layers: [3_000_000, 300], salt: 'held' })
const name = 'registry.lab/held:1'

/** As a user of the machine would: with the time a busy one needs. */
const patient = { answerMs: 5_000, listMs: 10_000, checkEveryMs: 500, listEveryMs: 5_000 }

for (const version of containerdVersions) {
  t.test(`containerd ${version}`, async t => {
    const dir = await folderOf(t)
    const archives = { pause: join(dir, 'pause.tar'), held: join(dir, 'held.tar') }
    await writeArchive(archives.pause, pauseImage, makeImage({ salt: 'pause' }))
    await writeArchive(archives.held, name, image)
    const containerd = await startContainerd(version, join(dir, 'node'), archives.pause)
    t.teardown(() => containerd.stop())
    const store = follow(t, containerd.socket, patient)
    const byGrpc = follow(t, containerd.socket, { ...patient, contentDir: '/nowhere' })
    t.match(await reaches(store, 'connected'), { reads: 'directory' })
    t.match(await reaches(byGrpc, 'connected'), { reads: 'grpc' })
    /** Knows nothing new but by what containerd tells. */
    const byEvents = follow(t, containerd.socket, { ...patient, listEveryMs: 600_000 })
    await reaches(byEvents, 'connected')
    const load = () => containerd.ctr('-n', 'k8s.io', 'images', 'import', archives.held)
    /** By all its names: CRI gives it another one, as soon as it knows of it. */
    async function remove(): Promise<void> {
      await until('CRI knows it', () => containerd.imageId(name))
      await containerd.remove(name)
    }

    await t.test('an image that comes is known when it is told, and every byte of it', async t => {
      await load()
      for (const each of [byEvents, store, byGrpc]) await isWhole(each)
      for (const each of [store, byGrpc]) await readsAll(t, each)
    })

    await t.test('an image that goes is known when it is told, and later its content', async t => {
      let images: readonly FoundImage[] = []
      t.teardown(
        byEvents.onImages(now => {
          images = now
        }),
      )
      const isNamed = () => images.some(({ digest }) => digest === image.digest)
      await eventually('its names are known', isNamed)
      await remove()
      await eventually('nothing names it', () => !isNamed())
      for (const each of [store, byGrpc]) {
        await eventually('gone', () => each.stat(image.digest) === undefined)
      }
    })

    await t.test('killed and started again: what it holds is known', async t => {
      for (const signal of ['SIGKILL', 'SIGTERM'] as const) {
        await containerd.restart(signal)
        await load() // what happens while nobody is connected is not missed
        for (const each of [store, byGrpc]) await isWhole(each)
        await reaches(byGrpc, 'connected')
        await readsAll(t, byGrpc)
        await remove()
      }
    })

    await t.test('what is to be protected outlives the collection of the kubelet', async t => {
      await load()
      await isWhole(store)
      // Both are the same node to containerd: what one of them does not want it would let go.
      for (const each of [store, byGrpc]) each.protect(new Set([image.digest]))
      const isPinned = async () => {
        const lines = (await containerd.ctr('-n', 'k8s.io', 'images', 'ls')).split('\n')
        const line = lines.find(each => each.startsWith(`${name} `))
        return line?.includes('io.cri-containerd.pinned=pinned') === true
      }
      await until('it is labelled', isPinned)
      await containerd.ctr('-n', 'k8s.io', 'images', 'label', name, 'io.cri-containerd.pinned=')
      await until('labelled again after it was stripped', isPinned)
      await containerd.collect()
      await new Promise(resolve => setTimeout(resolve, 1_500)) // containerd's own collection has come by
      for (const each of [store, byGrpc]) await readsAll(t, each)
      t.comment(`the image's name is ${(await isPinned()) ? 'kept' : 'gone, its content kept'}`)
      for (const each of [store, byGrpc]) each.protect(new Set())
      await until('let go', async () => !(await isPinned()))
      await load() // gives it a name again where it lost it
      await remove()
      for (const each of [store, byGrpc]) {
        await eventually('gone', () => each.stat(image.digest) === undefined)
      }
    })

    await t.test('stopped in its tracks: told as hanging, and well again after', async t => {
      await load()
      const hasty = follow(t, containerd.socket, { answerMs: 1_000, listMs: 1_000 })
      await reaches(hasty, 'connected')
      await isWhole(hasty)
      containerd.signal('SIGSTOP')
      await reaches(hasty, 'hanging').finally(() => containerd.signal('SIGCONT'))
      await reaches(hasty, 'connected')
      await isWhole(hasty)
    })

    await t.test('its socket is moved away and back: absent, then connected', async t => {
      await rename(containerd.socket, `${containerd.socket}.away`)
      const late = follow(t, containerd.socket, patient)
      t.match(await reaches(late, 'absent'), { failure: /ENOENT/ })
      await rename(`${containerd.socket}.away`, containerd.socket)
      t.match(await reaches(late, 'connected'), { version: new RegExp(`${version}\\.`) })
    })
  })
}

/** All of the image is listed. */
async function isWhole(store: NeighbourStore): Promise<void> {
  await eventually('the image is whole', () =>
    [...image.blobs.keys()].every(digest => store.stat(digest) !== undefined),
  )
}

async function readsAll(t: Test, store: NeighbourStore): Promise<void> {
  for (const [digest, bytes] of image.blobs) {
    const reader = await store.open(digest)
    t.ok(reader && (await readAll(reader, bytes.length)).equals(bytes), digest)
    await reader?.close()
  }
}

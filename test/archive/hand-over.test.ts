import t from 'tap'
import { createHandOver, type HandOverParts } from '../../src/archive/hand-over.ts'
import { createTreeOf } from '../../src/archive/image-trees.ts'
import type { Root } from '../../src/archive/read-layout.ts'
import { parsePlatform } from '../../src/oci/platform.ts'
import { parseReference, type TagReference } from '../../src/oci/reference.ts'
import { silentLog } from '../../src/ports/log.ts'
import type { FoundImage, HandedImage, NeighbourState } from '../../src/ports/neighbour-store.ts'
import { makeImage, type TestImage } from '../support/image.ts'
import { createMemoryAwaitedImages } from '../support/memory-awaited-images.ts'
import { createMovableClock } from '../support/movable-clock.ts'
import { createMovableTimers } from '../support/movable-timers.ts'
import { createImporting, fullName, layoutOf } from './support.ts'

const [one, two] = ['one', 'two'].map(salt => makeImage({ salt })) as [TestImage, TestImage]
const { registry, repository, tag = '' } = parseReference('docker.io/lab/a:v1')
const key: TagReference = { registry, repository, tag }
const rootOf = ({ digest, mediaType, size }: TestImage, name: Root['name']): Root => {
  return { digest, mediaType, size, name }
}
const tagged = (image: TestImage) => rootOf(image, { repository: key, tag: key })

const calm = {
  socket: '/run/c.sock',
  sinceMs: 0,
  failure: undefined,
  version: undefined,
  reads: undefined,
  blobs: 0,
  blobBytes: 0,
  images: 0,
} as const

async function open(...images: readonly TestImage[]) {
  const node = await createImporting()
  for (const image of images) {
    await node.importEntries(layoutOf([{ image, annotations: fullName('docker.io/lab/a:v1') }]))
  }
  const clock = createMovableClock(0)
  const timers = createMovableTimers(clock)
  const taken: HandedImage[] = []
  const heard = new Set<() => void>()
  let failure: Error | undefined
  let onTake = () => {}
  let state: NeighbourState = 'connected'
  const { store, graph, ledger } = node
  const awaited = createMemoryAwaitedImages()
  const amd64 = parsePlatform('linux/amd64')
  const neighbour = {
    status: () => ({ ...calm, state }),
    async take(image: HandedImage) {
      onTake()
      if (failure !== undefined) throw failure
      taken.push(image)
    },
    onImages(listener: (images: readonly FoundImage[]) => void) {
      const hear = () => listener([])
      heard.add(hear)
      return () => heard.delete(hear)
    },
  } satisfies HandOverParts['neighbour']
  const start = () =>
    createHandOver({
      neighbour,
      store,
      ledger,
      awaited,
      treeOf: createTreeOf({
        manifest: graph.manifest,
        isHeld: digest => store.stat(digest) !== undefined,
      }),
      manifest: graph.manifest,
      platforms: amd64 === undefined ? [] : [amd64],
      timers,
      log: silentLog,
    })
  const { signal } = new AbortController()
  let handOver = start()
  return {
    ...node,
    awaited,
    close: () => handOver.close(),
    /** As after a crash: what was in memory alone is gone. */
    async restart() {
      await handOver.close()
      handOver = start()
    },
    taken,
    timers,
    give: (...roots: readonly Root[]) => handOver.give(roots, signal),
    onTake(listener: () => void) {
      onTake = listener
    },
    become(other: NeighbourState) {
      state = other
    },
    fail: (why: string | undefined) => {
      failure = why === undefined ? undefined : new Error(why)
    },
    hear: () => {
      for (const each of heard) each()
    },
  }
}

/** What is on its way without being waited for has come to its end. */
const settled = (scene: { give(): Promise<unknown> }) => scene.give()

t.test('what this node runs of an image is handed over, parts before the whole', async t => {
  const scene = await open(one)
  t.strictSame(await scene.give(tagged(one)), [])
  const [image] = scene.taken
  t.match(image, { digest: one.digest, size: one.size, tag: 'v1', repository: { registry } })
  const { config, layers, digest } = one.for('linux/amd64')
  t.strictSame(
    image?.blobs.map(blob => [blob.digest, blob.size, blob.content?.kind]),
    [
      [config.digest, config.size, undefined],
      ...layers.map(layer => [layer.digest, layer.size, undefined]),
      [digest, one.for('linux/amd64').size, 'image'],
      [one.digest, one.size, 'index'],
    ],
  )
})

t.test('a tag that stands for another image by now is left as it is', async t => {
  const scene = await open(one, two)
  await scene.give(tagged(one), rootOf(two, { repository: key, tag: undefined }))
  t.strictSame(
    scene.taken.map(image => [image.digest, image.tag]),
    [
      [one.digest, undefined],
      [two.digest, undefined],
    ],
  )
  await scene.ledger.setPin(key, one, {})
  await scene.give(tagged(one), tagged(two))
  t.strictSame(
    scene.taken.slice(2).map(image => image.tag),
    ['v1', undefined],
    'its pin is what it stands for',
  )
})

t.test('what has no name, or is not whole, is not handed over', async t => {
  const scene = await open(one)
  await scene.store.delete(one.for('linux/amd64').config.digest)
  t.strictSame(await scene.give(tagged(one), rootOf(one, undefined)), [])
  t.strictSame(scene.taken, [])
})

t.test('what fails is told, and tried again: in time, and when something is heard', async t => {
  for (const next of ['in time', 'heard']) {
    const scene = await open(one)
    scene.fail('containerd is absent')
    t.strictSame(await scene.give(tagged(one)), [
      'docker.io/lab/a:v1 is not in containerd yet (containerd is absent): it is tried again',
    ])
    scene.hear()
    await settled(scene)
    scene.fail(undefined)
    if (next === 'heard') scene.hear()
    else await scene.timers.pass(5_000)
    await settled(scene)
    t.equal(scene.taken.length, 1, next)
    await scene.timers.pass(5_000)
    scene.hear()
    await settled(scene)
    t.equal(scene.taken.length, 1, 'and no more')
    await scene.close()
  }
})

t.test('what waits is handed over after a restart, and then forgotten', async t => {
  const scene = await open(one, two)
  scene.fail('containerd is absent')
  const untagged = rootOf(one, { repository: key, tag: undefined })
  await scene.give(tagged(two), untagged)
  await scene.restart()
  scene.fail(undefined)
  await scene.timers.pass(5_000)
  await settled(scene)
  t.strictSame(
    scene.taken.map(image => [image.digest, image.tag]),
    [
      [two.digest, 'v1'],
      [one.digest, undefined],
    ],
  )
  t.strictSame(scene.awaited.load(), [])
  await scene.restart()
  await scene.timers.pass(5_000)
  await settled(scene)
  t.equal(scene.taken.length, 2, 'and no more')
})

t.test('an image is remembered before it is handed over', async t => {
  const scene = await open(one)
  let known: readonly unknown[] = []
  scene.onTake(() => {
    known = scene.awaited.load()
  })
  await scene.give(tagged(one))
  t.match(known, [{ digest: one.digest, tag: 'v1' }])
  t.strictSame(scene.awaited.load(), [])
})

t.test('a newer image of a tag takes the place of the one that waits', async t => {
  const scene = await open(one, two)
  scene.fail('containerd is absent')
  await scene.give(tagged(one))
  await scene.give(tagged(two))
  await scene.restart()
  scene.fail(undefined)
  scene.hear()
  await settled(scene)
  t.strictSame(
    scene.taken.map(image => image.digest),
    [two.digest],
  )
})

t.test('one that is not here any more is forgotten, once it is known what else is', async t => {
  const scene = await open(one)
  scene.fail('containerd is absent')
  scene.become('absent')
  await scene.give(tagged(one))
  await scene.store.delete(one.for('linux/amd64').config.digest)
  await scene.restart()
  await scene.timers.pass(5_000)
  await settled(scene)
  t.match(scene.awaited.load(), [{ digest: one.digest }], 'containerd may hold the rest of it')
  scene.become('connected')
  scene.hear()
  await settled(scene)
  t.strictSame(scene.awaited.load(), [])
  t.strictSame(scene.taken, [])
})

t.test('a memory that cannot be written holds nothing up', async t => {
  const scene = await open(one)
  const broken = () => Promise.reject(new Error('read-only'))
  Object.assign(scene.awaited, { remember: broken, forget: broken })
  t.strictSame(await scene.give(tagged(one)), [])
  t.equal(scene.taken.length, 1)
})

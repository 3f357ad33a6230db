import t from 'tap'
import { createHandOver } from '../../src/archive/hand-over.ts'
import { createTreeOf } from '../../src/archive/image-trees.ts'
import type { Root } from '../../src/archive/read-layout.ts'
import { parsePlatform } from '../../src/oci/platform.ts'
import { parseReference, type TagReference } from '../../src/oci/reference.ts'
import { silentLog } from '../../src/ports/log.ts'
import type { HandedImage } from '../../src/ports/neighbour-store.ts'
import { makeImage, type TestImage } from '../support/image.ts'
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
  const { store, graph, ledger } = node
  const amd64 = parsePlatform('linux/amd64')
  const handOver = createHandOver({
    neighbour: {
      async take(image) {
        if (failure !== undefined) throw failure
        taken.push(image)
      },
      onImages(listener) {
        const hear = () => listener([])
        heard.add(hear)
        return () => heard.delete(hear)
      },
    },
    store,
    ledger,
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
  return {
    ...node,
    handOver,
    taken,
    timers,
    give: (...roots: readonly Root[]) => handOver.give(roots, signal),
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
    await scene.handOver.close()
  }
})

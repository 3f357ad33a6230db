import t, { type Test } from 'tap'
import type { Digest } from '../../src/oci/digest.ts'
import type { ContentStore } from '../../src/ports/content-store.ts'
import { silentLog } from '../../src/ports/log.ts'
import { createContentGraph } from '../../src/pull/content-graph.ts'
import { createImagePlatforms } from '../../src/pull/image-platforms.ts'
import type { TestBlob } from '../support/blob.ts'
import { makeImage, makeReferrer, makeSingleImage, type TestManifest } from '../support/image.ts'
import { createMemoryCatalog } from '../support/memory-catalog.ts'
import { createMemoryStore } from '../support/memory-store.ts'
import { createMovableClock } from '../support/movable-clock.ts'
import { createMovableTimers } from '../support/movable-timers.ts'

/** A node that has begun, on a store and a catalog that may have known another one. */
async function open(t: Test, store = createMemoryStore(), catalog = createMemoryCatalog()) {
  /** Blobs that were read whole. */
  const reads: Digest[] = []
  const told: ContentStore = {
    ...store,
    get(digest, maxBytes) {
      reads.push(digest)
      return store.get(digest, maxBytes)
    },
  }
  const graph = createContentGraph({ store: told, catalog, log: silentLog })
  const timers = createMovableTimers(createMovableClock(0))
  const contents = catalog.load()
  const platforms = createImagePlatforms(
    { graph, store: told, catalog, timers, log: silentLog },
    contents.configs,
  )
  await graph.load(contents)
  platforms.begin()
  t.teardown(() => platforms.close())
  t.teardown(() => graph.close())
  const learn = ({ digest, mediaType, bytes }: TestBlob) => graph.learn(digest, mediaType, bytes)
  const put = ({ digest, bytes }: TestBlob) => store.put(digest, bytes)
  const hold = async (image: TestManifest) => {
    learn(image)
    await put(image)
    await put(image.config)
    await timers.settle()
  }
  return { store, catalog, platforms, timers, reads, learn, put, hold }
}

const arm = { os: 'linux', architecture: 'arm', variant: 'v7' }
const image = makeSingleImage({ platform: 'linux/arm/v7' })

t.test('an image says what it is for as soon as its config is here', async t => {
  const { platforms, timers, learn, put, catalog } = await open(t)
  learn(image)
  await put(image)
  await timers.settle()
  t.equal(platforms.of(image.digest), undefined)
  await put(image.config)
  await timers.settle()
  t.strictSame(platforms.of(image.digest), arm)
  t.strictSame(catalog.load().configs, [{ digest: image.config.digest, platform: arm }])
})

t.test('in whatever order they come, and also where the manifest is not stored', async t => {
  const { platforms, timers, learn, put } = await open(t)
  const docker = makeSingleImage({ platform: 'linux/s390x', flavour: 'docker' })
  await put(docker.config)
  learn(docker)
  await timers.settle()
  t.match(platforms.of(docker.digest), { architecture: 's390x' })
})

t.test('an index, an artifact and an attestation say nothing', async t => {
  const { platforms, hold, learn, reads } = await open(t)
  const index = makeImage({ attestations: true })
  learn(index)
  const artifact = makeReferrer({ subject: index })
  await hold(artifact)
  t.notOk(reads.includes(artifact.config.digest), 'what is no config of an image is not read')
  const attestation = makeSingleImage({ platform: 'unknown/unknown' })
  await hold(attestation)
  for (const { digest } of [index, artifact, attestation]) {
    t.equal(platforms.of(digest), undefined)
  }
})

t.test('what was read once is not read again, also after a restart', async t => {
  const { store, catalog, hold } = await open(t)
  const nameless = makeSingleImage({ platform: 'unknown/unknown' })
  await hold(image)
  await hold(nameless)
  const again = await open(t, store, catalog)
  t.strictSame(again.platforms.of(image.digest), arm)
  await again.timers.pass(60_000)
  t.strictSame(again.reads, [])
})

t.test('what an earlier version stored is read once the start is over', async t => {
  const { store, hold } = await open(t)
  await hold(image)
  const old = createMemoryCatalog()
  const { platforms, timers, reads } = await open(t, store, old)
  reads.length = 0 // a lost catalog has the manifests read, too
  await timers.pass(1_000)
  t.strictSame(reads, [], 'not while it starts')
  t.equal(platforms.of(image.digest), undefined)
  await timers.pass(60_000)
  t.strictSame(reads, [image.config.digest])
  t.strictSame(platforms.of(image.digest), arm)
  t.strictSame(old.load().configs, [{ digest: image.config.digest, platform: arm }])
})

t.test('a config that is gone or damaged says nothing, and is read when it comes back', async t => {
  const { store, catalog, platforms, timers, put, hold, learn } = await open(t)
  await hold(image)
  await store.delete(image.config.digest)
  t.equal(platforms.of(image.digest), undefined)
  await put(image.config)
  await timers.settle()
  t.strictSame(platforms.of(image.digest), arm)

  const damaged = makeSingleImage({ salt: 'damaged' })
  await put(damaged.config)
  store.damage(damaged.config.digest)
  learn(damaged)
  await timers.settle()
  t.equal(platforms.of(damaged.digest), undefined)
  t.notOk(catalog.load().configs.some(({ digest }) => digest === damaged.config.digest))
  await put(damaged.config)
  await timers.settle()
  t.match(platforms.of(damaged.digest), { architecture: 'amd64' })
})

t.test('a store that fails is no word of the config', async t => {
  const store = createMemoryStore()
  let isBroken = true
  const failing = {
    ...store,
    get: async (...asked: Parameters<ContentStore['get']>) => {
      if (isBroken) throw new Error('the disk is gone')
      return store.get(...asked)
    },
  }
  const { platforms, hold, timers, put } = await open(t, failing)
  await hold(image)
  t.equal(platforms.of(image.digest), undefined)
  isBroken = false
  await store.delete(image.config.digest)
  await put(image.config)
  await timers.settle()
  t.strictSame(platforms.of(image.digest), arm)
})

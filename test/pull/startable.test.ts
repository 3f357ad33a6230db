import t from 'tap'
import type { Digest } from '../../src/oci/digest.ts'
import { type Platform, parsePlatform } from '../../src/oci/platform.ts'
import { silentLog } from '../../src/ports/log.ts'
import { createCompleteness } from '../../src/pull/completeness.ts'
import { createContentGraph } from '../../src/pull/content-graph.ts'
import { createStartable } from '../../src/pull/startable.ts'
import type { TestBlob } from '../support/blob.ts'
import { makeImage, makeSingleImage, type TestManifest } from '../support/image.ts'
import { createMemoryCatalog } from '../support/memory-catalog.ts'
import { createMemoryStore } from '../support/memory-store.ts'
import { createMovableClock } from '../support/movable-clock.ts'

const [amd64, arm64, armV7] = ['linux/amd64', 'linux/arm64', 'linux/arm/v7'].map(
  text => parsePlatform(text) as Platform,
) as [Platform, Platform, Platform]

/** A node with clients of amd64 that knows what images say by themselves. */
function open() {
  const store = createMemoryStore()
  const graph = createContentGraph({ store, catalog: createMemoryCatalog(), log: silentLog })
  const clock = createMovableClock(0)
  const settings = { platforms: [amd64] }
  const completeness = createCompleteness({ graph, store, clock }, settings)
  const said = new Map<Digest, Platform>()
  const imagePlatforms = { of: (image: Digest) => said.get(image) }
  const startable = createStartable({ graph, imagePlatforms, completeness }, settings)
  const put = async ({ digest, bytes }: TestBlob) => void (await store.put(digest, bytes))
  const manifest = async (one: TestBlob) => {
    graph.learn(one.digest, one.mediaType, one.bytes)
    await put(one)
  }
  const hold = async (image: TestManifest) => {
    await manifest(image)
    for (const part of [image.config, ...image.layers]) await put(part)
  }
  return { startable, completeness, said, manifest, hold }
}

const single = makeSingleImage({ platform: 'linux/arm64' })

t.test(
  'an image by itself would start on what its config names, and where that is run',
  async t => {
    const { startable, completeness, said, hold } = open()
    await hold(single)
    t.equal(startable.isComplete(single.digest), true, 'what is not known may be for anybody')
    said.set(single.digest, arm64)
    t.equal(startable.isComplete(single.digest), false)
    t.equal(startable.needs(single.digest), undefined, 'it has nothing for this node')
    t.equal(startable.isComplete(single.digest, [arm64]), true)
    t.strictSame(startable.needs(single.digest, [arm64]), [])
    t.equal(startable.isComplete(single.digest, [arm64, amd64]), false)
    said.set(single.digest, armV7)
    t.equal(startable.isComplete(single.digest, [arm64]), true, 'arm64 runs arm v7')
    t.equal(startable.isComplete(single.digest, [amd64]), false)
    t.equal(completeness.isComplete(single.digest), true, 'whoever asks the mirror is served')
  },
)

t.test('of an image for others nothing is missing here', async t => {
  const { startable, said, manifest } = open()
  await manifest(single)
  const parts = [single.config, ...single.layers].map(({ digest }) => digest)
  const missing = (platforms: readonly Platform[]) =>
    startable.missing(single.digest, platforms).map(({ digest }) => digest)
  t.strictSame(missing([amd64]), parts)
  said.set(single.digest, arm64)
  t.strictSame(missing([amd64]), [])
  t.strictSame(startable.missing(single.digest), [])
  t.strictSame(missing([amd64, arm64]), parts)
  t.strictSame(
    startable.needs(single.digest, [arm64])?.map(({ digest }) => digest),
    parts,
  )
})

t.test('an index is believed where it names a platform, the config where it does not', async t => {
  const { startable, said, manifest, hold } = open()
  const named = makeImage({ platforms: ['linux/amd64'], salt: 'named' })
  const silent = makeImage({
    platforms: ['linux/amd64'],
    platformFields: false,
    salt: 'silent',
  })
  for (const index of [named, silent]) {
    await manifest(index)
    await hold(index.for('linux/amd64'))
    t.equal(startable.isComplete(index.digest), true)
    said.set(index.for('linux/amd64').digest, arm64)
  }
  t.equal(startable.isComplete(named.digest), true, 'as containerd does')
  t.equal(startable.isComplete(silent.digest), false)
  t.equal(startable.needs(silent.digest), undefined)
  t.equal(startable.isComplete(silent.digest, [arm64]), true)
  t.equal(startable.isComplete(named.digest, [arm64]), false)
})

t.test('what was never read is needed whole', async t => {
  const { startable } = open()
  t.equal(startable.isComplete(single.digest), false)
  t.match(startable.missing(single.digest), [{ digest: single.digest, kind: 'manifest' }])
  t.match(startable.needs(single.digest), [{ digest: single.digest, isUnread: true }])
})

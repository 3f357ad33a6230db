import t from 'tap'
import { type Platform, parsePlatform } from '../../src/oci/platform.ts'
import { silentLog } from '../../src/ports/log.ts'
import { createCompleteness } from '../../src/pull/completeness.ts'
import { createContentGraph } from '../../src/pull/content-graph.ts'
import type { TestBlob } from '../support/blob.ts'
import { makeImage, makeReferrer, makeSingleImage, type TestManifest } from '../support/image.ts'
import { createMemoryCatalog } from '../support/memory-catalog.ts'
import { createMemoryStore } from '../support/memory-store.ts'

const [amd64, arm64, riscv] = ['linux/amd64', 'linux/arm64', 'linux/riscv64'].map(
  text => parsePlatform(text) as Platform,
) as [Platform, Platform, Platform]

function open() {
  const store = createMemoryStore()
  const graph = createContentGraph({ store, catalog: createMemoryCatalog(), log: silentLog })
  let nowMs = 1_000
  const clock = { wallMs: () => 0, monotonicMs: () => nowMs }
  const completeness = createCompleteness({ graph, store, clock }, { platforms: [amd64] })
  const manifest = async ({ digest, mediaType, bytes }: TestBlob) => {
    graph.learn(digest, mediaType, bytes)
    await store.put(digest, bytes)
  }
  const parts = async ({ config, layers }: TestManifest) => {
    for (const { digest, bytes } of [config, ...layers]) await store.put(digest, bytes)
  }
  const later = (ms: number) => {
    nowMs += ms
  }
  return { store, graph, completeness, manifest, parts, later }
}

const image = makeImage({ layers: [1000, 2000], attestations: true })
const ours = image.for('linux/amd64')
const theirs = image.for('linux/arm64')

t.test('an image is complete when manifest, config and every layer are held', async t => {
  const { completeness, manifest, store } = open()
  const is = () => completeness.isComplete(image.digest)
  t.equal(is(), false)
  await manifest(image)
  t.equal(is(), false, 'an index alone is nothing')
  await manifest(ours)
  for (const { digest, bytes } of [ours.config, ...ours.layers]) {
    t.equal(is(), false)
    await store.put(digest, bytes)
  }
  t.equal(is(), true)
  t.equal(completeness.isComplete(ours.digest), true, 'the platform manifest by itself, too')
  await store.delete(ours.layers[1]?.digest ?? image.digest)
  t.equal(is(), false, 'a layer was dropped')
})

t.test('the order in which content comes does not matter', async t => {
  const { completeness, manifest, parts } = open()
  await parts(ours)
  await manifest(ours)
  await manifest(image)
  t.equal(completeness.isComplete(image.digest), true)
})

t.test('complete is said for a platform, and an index without it is never complete', async t => {
  const { completeness, manifest, parts } = open()
  await manifest(image)
  await manifest(ours)
  await parts(ours)
  t.equal(completeness.isComplete(image.digest, [amd64]), true)
  t.equal(completeness.isComplete(image.digest, [arm64]), false)
  t.equal(completeness.isComplete(image.digest, [amd64, arm64]), false)
  t.equal(completeness.isComplete(image.digest, [riscv]), false)
  t.strictSame(completeness.missing(image.digest, [riscv]), [], 'and nothing can be fetched for it')
  await manifest(theirs)
  await parts(theirs)
  t.equal(completeness.isComplete(image.digest, [amd64, arm64]), true)
})

t.test('non-distributable layers, attestations and referrers do not count', async t => {
  const { completeness, manifest, parts } = open()
  const windows = makeSingleImage({ layers: [500, { foreignUrl: 'https://example.com/base' }] })
  await manifest(windows)
  await parts(windows)
  t.equal(completeness.isComplete(windows.digest), true)
  const signature = makeReferrer({ subject: windows })
  await manifest(signature)
  t.equal(completeness.isComplete(windows.digest), true)
  t.equal(completeness.isComplete(signature.digest), false, 'the referrer itself is not')
})

t.test('a manifest that was learned but could not be stored does not make complete', async t => {
  const { completeness, graph, parts } = open()
  graph.learn(ours.digest, ours.mediaType, ours.bytes)
  await parts(ours)
  t.equal(completeness.isComplete(ours.digest), false)
})

t.test('missing tells what to fetch next, manifests first', async t => {
  const { completeness, manifest, store } = open()
  const target = image.digest
  t.strictSame(completeness.missing(target), [
    { digest: target, kind: 'manifest', size: undefined },
  ])
  t.equal(completeness.missingCount(target), undefined)
  await manifest(image)
  t.strictSame(completeness.missing(target), [
    { digest: ours.digest, kind: 'manifest', size: ours.size },
  ])
  await manifest(ours)
  const parts = [ours.config, ...ours.layers]
  t.strictSame(
    completeness.missing(target),
    parts.map(({ digest, size }) => ({ digest, kind: 'blob', size })),
  )
  t.equal(completeness.missingCount(target), 3)
  for (const { digest, bytes } of parts) await store.put(digest, bytes)
  t.strictSame(completeness.missing(target), [])
  t.equal(completeness.missingCount(target), 0)
})

t.test('a layer that two images share counts for both', async t => {
  const { completeness, manifest, store } = open()
  const files = [{ name: 'same', data: 'same' }]
  const twins = ['a', 'b'].map(salt => makeSingleImage({ salt, layers: [files] }))
  const shared = twins[0]?.layers[0] as TestBlob
  t.equal(shared.digest, twins[1]?.layers[0]?.digest)
  for (const twin of twins) {
    await manifest(twin)
    await store.put(twin.config.digest, twin.config.bytes)
    t.equal(completeness.isComplete(twin.digest), false)
  }
  await store.put(shared.digest, shared.bytes)
  for (const twin of twins) t.equal(completeness.isComplete(twin.digest), true)
})

t.test('content that failed makes all that refers to it suspect for a minute', async t => {
  const { completeness, manifest, later } = open()
  await manifest(image)
  await manifest(ours)
  t.equal(completeness.isSuspect(image.digest), false)
  completeness.markContentFailed(ours.config.digest)
  for (const { digest } of [ours.config, ours, image]) t.equal(completeness.isSuspect(digest), true)
  t.equal(completeness.isSuspect(theirs.digest), false)
  later(59_999)
  t.equal(completeness.isSuspect(image.digest), true)
  later(1)
  t.equal(completeness.isSuspect(image.digest), false)
})

t.test('what failed and then came is suspect no longer, nor what refers to it', async t => {
  const { completeness, manifest, store } = open()
  completeness.markSuspect(image.digest)
  await manifest(image)
  t.equal(completeness.isSuspect(image.digest), false, 'the manifest itself had failed')
  await manifest(ours)
  const [layer] = ours.layers
  if (layer === undefined) throw new Error('the image has no layer')
  completeness.markContentFailed(layer.digest)
  completeness.markContentFailed(ours.config.digest)
  await store.put(layer.digest, layer.bytes)
  t.equal(completeness.isSuspect(layer.digest), false)
  t.equal(completeness.isSuspect(image.digest), true, 'its config has still failed')
  await store.put(ours.config.digest, ours.config.bytes)
  for (const { digest } of [ours.config, ours, image])
    t.equal(completeness.isSuspect(digest), false)
})

t.test('what failed is believed again when whoever failed to deliver it is back', async t => {
  const { completeness, manifest } = open()
  await manifest(image)
  await manifest(ours)
  completeness.markContentFailed(ours.config.digest)
  completeness.forgive(digest => digest === theirs.config.digest)
  t.equal(completeness.isSuspect(image.digest), true)
  completeness.forgive(digest => digest === ours.config.digest)
  for (const { digest } of [ours.config, ours, image])
    t.equal(completeness.isSuspect(digest), false)
})

t.test('a digest can be suspect for as long as one says', async t => {
  const { completeness, later } = open()
  completeness.markSuspect(image.digest, 10)
  t.equal(completeness.isSuspect(image.digest), true)
  later(10)
  t.equal(completeness.isSuspect(image.digest), false)
})

t.test('after it is closed it follows nothing any more', async t => {
  const { completeness, manifest, parts } = open()
  await manifest(ours)
  completeness.close()
  await parts(ours)
  t.equal(completeness.isComplete(ours.digest), false)
})

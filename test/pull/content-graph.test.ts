import t from 'tap'
import { digestOf } from '../../src/oci/digest.ts'
import type { CatalogContents, ContentCatalog } from '../../src/ports/content-catalog.ts'
import type { ContentStore } from '../../src/ports/content-store.ts'
import { silentLog } from '../../src/ports/log.ts'
import { createContentGraph } from '../../src/pull/content-graph.ts'
import type { TestBlob } from '../support/blob.ts'
import { repositoryOf } from '../support/fake-upstream.ts'
import { makeImage, makeReferrer } from '../support/image.ts'
import { createMemoryCatalog } from '../support/memory-catalog.ts'
import { createMemoryStore } from '../support/memory-store.ts'
import { processorMs } from '../support/processor-time.ts'

function open(store: ContentStore = createMemoryStore(), catalog = createMemoryCatalog()) {
  const graph = createContentGraph({ store, catalog, log: silentLog })
  /** Stores a manifest the way a pull does. */
  const hold = async ({ digest, mediaType, bytes }: TestBlob) => {
    graph.learn(digest, mediaType, bytes)
    await store.put(digest, bytes)
  }
  return { store, catalog, graph, hold }
}

const image = makeImage({ attestations: true })
const amd64 = image.for('linux/amd64')

t.test('a manifest is described with its own type as soon as it is held, not before', async t => {
  const { graph, hold } = open()
  t.equal(graph.describe(image.digest), undefined)
  graph.learn(image.digest, image.mediaType, image.bytes)
  t.equal(graph.describe(image.digest), undefined, 'known is not held')
  await hold(image)
  const { digest, mediaType, size } = image
  t.strictSame(graph.describe(digest), { digest, mediaType, size })
})

t.test('bytes that are no manifest are not learned', async t => {
  const { graph } = open()
  const { config } = amd64
  t.throws(() => graph.learn(config.digest, undefined, config.bytes), { code: 'MANIFEST_INVALID' })
  t.equal(graph.manifest(config.digest), undefined)
})

t.test('a blob has the size that manifests say, unless they contradict each other', async t => {
  const { graph } = open()
  const layer = amd64.layers[0] as TestBlob
  t.equal(graph.sizeOf(layer.digest), undefined)
  graph.learn(amd64.digest, amd64.mediaType, amd64.bytes)
  t.equal(graph.sizeOf(layer.digest), layer.size)
  const text = amd64.bytes.toString()
  const lie = Buffer.from(text.replaceAll(`"size":${layer.size}`, `"size":${layer.size + 1}`))
  t.not(lie.toString(), text)
  graph.learn(digestOf(lie), amd64.mediaType, lie)
  t.equal(graph.sizeOf(layer.digest), undefined)
})

t.test('reachable is the whole tree with its referrers, parents and ancestors lead up', async t => {
  const { graph, hold } = open()
  const signature = makeReferrer({ subject: amd64 })
  for (const manifest of [image, ...image.manifests, signature]) await hold(manifest)
  const tree = graph.reachable(image.digest)
  for (const { digest, config, layers } of [...image.manifests, signature]) {
    for (const part of [digest, config.digest, ...layers.map(l => l.digest)]) t.ok(tree.has(part))
  }
  t.strictSame([...graph.parents(amd64.digest)], [image.digest])
  t.strictSame(new Set(graph.ancestors(amd64.config.digest)), new Set([amd64.digest, image.digest]))
  t.notOk(graph.parents(amd64.digest).has(signature.digest), 'a referrer is no parent')
})

t.test('referrers that are held are listed as the referrers API describes them', async t => {
  const { graph, hold, store } = open()
  const annotations = { 'org.example.by': 'us' }
  const signature = makeReferrer({ subject: amd64, artifactType: 'application/x.sig', annotations })
  graph.learn(signature.digest, signature.mediaType, signature.bytes)
  t.strictSame(graph.referrers(amd64.digest), [], 'not while it is not held')
  await hold(signature)
  const { digest, mediaType, size } = signature
  t.strictSame(JSON.parse(JSON.stringify(graph.referrers(amd64.digest))), [
    { digest, mediaType, size, artifactType: 'application/x.sig', annotations },
  ])
  await store.delete(digest)
  t.strictSame(graph.referrers(amd64.digest), [])
})

t.test(
  'a restart knows from the catalog what was known before, without reading a byte',
  async t => {
    const { store, catalog, graph, hold } = open()
    await hold(image)
    await hold(amd64)
    graph.addSighting(image.digest, repositoryOf('lab/app'))
    await graph.close()

    const silent: ContentStore = {
      ...store,
      open: () => Promise.reject(new Error('read')),
      get: () => Promise.reject(new Error('read')),
    }
    const next = open(silent, catalog).graph
    await next.load()
    const { digest, mediaType, size } = image
    t.strictSame(next.describe(digest), { digest, mediaType, size })
    t.ok(next.reachable(digest).has(amd64.config.digest))
    t.strictSame(next.seenIn(amd64.config.digest), [repositoryOf('lab/app')])
  },
)

t.test('after a lost database manifests are learned again from their bytes', async t => {
  const store = createMemoryStore()
  for (const [digest, bytes] of image.blobs) await store.put(digest, bytes)
  const { graph, catalog } = open(store)
  await graph.load()
  t.equal(graph.describe(image.digest)?.mediaType, image.mediaType)
  t.equal(graph.describe(amd64.digest)?.mediaType, amd64.mediaType)
  t.equal(graph.manifest(amd64.config.digest), undefined, 'a config is no manifest')
  t.ok(
    catalog.load().manifests.some(entry => entry.digest === image.digest && entry.content),
    'and written down for the next start',
  )
})

t.test('a catalog that did not keep what manifests say has them read from the store', async t => {
  const store = createMemoryStore()
  await store.put(amd64.digest, amd64.bytes)
  const catalog = createMemoryCatalog()
  catalog.addManifest({ digest: amd64.digest, mediaType: amd64.mediaType })
  const { graph } = open(store, catalog)
  await graph.load()
  t.ok(graph.reachable(amd64.digest).has(amd64.config.digest))
})

t.test('a manifest that comes into the store by another way becomes known', async t => {
  const { graph, store } = open()
  await store.put(image.digest, image.bytes)
  await graph.close() // waits for what is still being read
  t.equal(graph.describe(image.digest)?.mediaType, image.mediaType)
})

t.test('what is dropped is forgotten, in the catalog too', async t => {
  const { graph, hold, store, catalog } = open()
  await hold(image)
  graph.addSighting(image.digest, repositoryOf('lab/app'))
  await store.delete(image.digest)
  t.equal(graph.manifest(image.digest), undefined)
  t.equal(graph.parents(amd64.digest).size, 0)
  t.strictSame(graph.seenIn(image.digest), [])
  t.strictSame(catalog.load(), { manifests: [], configs: [], sightings: [], uses: [] })
})

t.test('what was dropped while nobody looked is forgotten, in the catalog too', async t => {
  const before = open()
  await before.hold(image)
  await before.hold(amd64)
  for (const { digest } of [image, amd64]) {
    before.graph.addSighting(digest, repositoryOf('lab/app'))
  }
  const after = open(createMemoryStore(), before.catalog)
  await after.graph.load()
  t.ok(after.graph.manifest(image.digest), 'it may be where nobody could look yet')
  await after.hold(amd64)
  after.graph.forgetAbsent([image.digest, amd64.digest])
  t.equal(after.graph.manifest(image.digest), undefined)
  t.strictSame(after.graph.seenIn(image.digest), [])
  t.ok(after.graph.manifest(amd64.digest), 'what is held stays')
  const { manifests, sightings } = before.catalog.load()
  for (const kept of [manifests, sightings]) {
    t.strictSame(
      kept.map(({ digest }) => digest),
      [amd64.digest],
    )
  }
})

t.test('manifests that are never held are remembered in bounded number', async t => {
  const { graph, catalog } = open()
  const digests = Array.from({ length: 1_100 }, (_, n) => {
    const { digest, mediaType, bytes } = makeReferrer({ subject: image, payload: `${n}` })
    graph.learn(digest, mediaType, bytes)
    return digest
  })
  t.equal(digests.filter(digest => graph.manifest(digest) !== undefined).length, 1_000)
  t.ok(graph.manifest(digests[1_099] ?? image.digest))
  t.strictSame(catalog.load().manifests, [], 'and never written down')
})

t.test('two thousand manifests are loaded in no time', async t => {
  const before = open()
  for (let n = 0; n < 2_000; n += 1) {
    const { digest, mediaType, bytes } = makeReferrer({ subject: image, payload: `${n}` })
    before.graph.learn(digest, mediaType, bytes)
    await before.store.put(digest, bytes)
  }
  const rows = before.catalog.load()
  // As a database has it: text that is parsed at every start.
  const texts = rows.manifests.map(row => JSON.stringify(row))
  const catalog: ContentCatalog = {
    ...before.catalog,
    load: (): CatalogContents => ({
      ...rows,
      manifests: texts.map(text => JSON.parse(text) as (typeof rows.manifests)[number]),
    }),
  }
  let reads = 0
  const get: ContentStore['get'] = (...asked) => {
    reads += 1
    return before.store.get(...asked)
  }
  const { graph } = open({ ...before.store, get }, catalog)
  const beganMs = processorMs()
  await graph.load()
  const tookMs = processorMs() - beganMs
  t.comment(`${tookMs.toFixed(0)} ms`)
  t.ok(tookMs < 450, 'much less on a machine of its own')
  t.equal(reads, 0, 'and none is read from the store')
  t.equal(graph.referrers(image.digest).length, 2_000)
})

import t from 'tap'
import { createLastUse } from '../../src/keep/last-use.ts'
import type { Digest } from '../../src/oci/digest.ts'
import { createMemoryCatalog } from '../support/memory-catalog.ts'
import { createMemoryStore } from '../support/memory-store.ts'
import { contentOf } from './support.ts'

const tree = ['index', 'manifest', 'layer'].map(name => contentOf(name, 10))
const other = contentOf('other', 10)

async function open({ grainMs = 1000 } = {}) {
  const store = createMemoryStore()
  const catalog = createMemoryCatalog()
  const time = { nowMs: 1_000_000 }
  const treeOf = (digest: Digest) =>
    digest === tree[0]?.digest ? tree.map(part => part.digest) : [digest]
  const parts = { store, catalog, treeOf, nowMs: () => time.nowMs }
  const start = () => createLastUse(parts, catalog.load().uses, { grainMs })
  for (const { digest, content } of [...tree, other]) await store.put(digest, content)
  return { store, catalog, time, start }
}

const [root, manifest, layer] = tree.map(part => part.digest) as [Digest, Digest, Digest]

t.test('the use of a tag is a use of its whole tree', async t => {
  const { start, time } = await open()
  const lastUse = start()
  time.nowMs += 5000
  lastUse.use(root)
  t.strictSame([root, manifest, layer].map(lastUse.usedAtMs), [1_005_000, 1_005_000, 1_005_000])
  t.equal(lastUse.usedAtMs(other.digest), 1_000_000)
  lastUse.use(layer)
  time.nowMs += 5000
  lastUse.use(layer)
  t.equal(lastUse.usedAtMs(root), 1_005_000, 'the use of a part is not one of the whole')
  t.equal(lastUse.usedAtMs(layer), 1_010_000)
})

t.test('uses survive a restart', async t => {
  const { start, time } = await open()
  const before = start()
  time.nowMs += 5000
  before.use(root)
  before.close()
  time.nowMs += 5000
  const after = start()
  t.equal(after.usedAtMs(layer), 1_005_000)
  t.equal(after.usedAtMs(other.digest), 1_000_000)
})

t.test(
  'what has no recorded use counts as used when the node starts, and that is recorded',
  async t => {
    const { start, time, catalog } = await open()
    time.nowMs += 7000
    const lastUse = start()
    t.equal(lastUse.usedAtMs(other.digest), 1_007_000)
    t.equal(catalog.load().uses.length, 4)
  },
)

t.test('uses that follow each other closely are recorded once', async t => {
  const { start, time, catalog } = await open()
  const lastUse = start()
  let touches = 0
  const { touch } = catalog
  Object.assign(catalog, {
    touch: (...args: Parameters<typeof touch>) => {
      touches += 1
      touch(...args)
    },
  })
  time.nowMs += 5000
  for (let i = 0; i < 1000; i++) lastUse.use(root)
  t.equal(touches, 1)
})

t.test(
  'content that comes in is used at that moment, content that went out is unknown',
  async t => {
    const { start, time, store } = await open()
    const lastUse = start()
    await store.delete(other.digest)
    time.nowMs += 5000
    await store.put(other.digest, other.content)
    t.equal(lastUse.usedAtMs(other.digest), 1_005_000)
  },
)

t.test('digests that are not held leave no trace', async t => {
  const { start, catalog } = await open()
  const lastUse = start()
  lastUse.use(contentOf('never seen', 10).digest)
  t.equal(catalog.load().uses.length, 4)
})

t.test('an interrupted download has a last use too', async t => {
  const { start, time, store } = await open()
  const lastUse = start()
  const { digest, content } = contentOf('partial', 100)
  const writer = await store.write(digest, 100)
  await writer.write(content.subarray(0, 50))
  await writer.suspend()
  await writer.release()
  t.equal(lastUse.usedAtMs(digest), 1_000_000, 'first seen')
  time.nowMs += 5000
  t.equal(lastUse.usedAtMs(digest), 1_000_000)
  lastUse.use(digest)
  t.equal(lastUse.usedAtMs(digest), 1_005_000)
})

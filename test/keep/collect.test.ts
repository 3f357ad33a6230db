import t from 'tap'
import { type CollectorOptions, createCollector } from '../../src/keep/collect.ts'
import { createLastUse } from '../../src/keep/last-use.ts'
import type { Protection } from '../../src/keep/protected-content.ts'
import type { Digest } from '../../src/oci/digest.ts'
import { createMemoryCatalog } from '../support/memory-catalog.ts'
import { createMemoryStore } from '../support/memory-store.ts'
import { contentOf, createLogBook } from './support.ts'

const dayMs = 86_400_000

/** Content that takes most of the quota. */
function huge(): [Digest, Buffer] {
  const { digest, content } = contentOf('huge', 800)
  return [digest, content]
}

/** A store with blobs of 100 bytes, each used a day after the one before it. */
async function open(names: readonly string[], limits: Partial<CollectorOptions> = {}) {
  const { quotaBytes = 1000 } = limits
  const store = createMemoryStore({ quotaBytes, makeRoom: bytes => collector.makeRoom(bytes) })
  const time = { nowMs: 1000 * dayMs }
  const nowMs = () => time.nowMs
  const catalog = createMemoryCatalog()
  const lastUse = createLastUse({ store, catalog, treeOf: digest => [digest], nowMs }, [])
  const isProtected = new Map<Digest, Protection>()
  const book = createLogBook()
  const collector = createCollector(
    { store, lastUse, nowMs, log: book.log, protectedContent: () => isProtected },
    { quotaBytes, minFreeBytes: 0, unusedForDays: 0, ...limits },
  )
  const blobs = names.map(name => ({ name, ...contentOf(name, 100) }))
  for (const { digest, content } of blobs) {
    await store.put(digest, content)
    time.nowMs += dayMs
  }
  const digest = (name: string) => contentOf(name, 100).digest
  const held = () => blobs.filter(blob => store.stat(blob.digest)).map(blob => blob.name)
  const interrupt = async (name: string, bytes = 50) => {
    const writer = await store.write(digest(name), 100)
    await writer.write(contentOf(name, 100).content.subarray(0, bytes))
    lastUse.use(digest(name))
    await writer.suspend()
    await writer.release()
    time.nowMs += dayMs
  }
  return { store, time, lastUse, isProtected, book, collector, digest, held, interrupt }
}

t.test('below high water nothing is collected', async t => {
  const { collector, held } = await open(['a', 'b', 'c'])
  t.equal(await collector.isAboveHighWater(), false)
  t.match(await collector.run(), { bytes: 0, dropped: [] })
  t.strictSame(held(), ['a', 'b', 'c'])
})

t.test('what a store holds is measured, and nothing is dropped', async t => {
  const { collector, digest, isProtected, held, interrupt } = await open(['a', 'b', 'c'], {
    quotaBytes: 1_000,
  })
  isProtected.set(digest('a'), 'kept')
  await interrupt('d')
  t.match(await collector.measure(), {
    usage: { blobs: 3, blobBytes: 300, partialBytes: 50 },
    capacityBytes: 1_000,
    protectedBytes: 100,
    droppableBytes: 250,
  })
  t.strictSame(held(), ['a', 'b', 'c'])
})

t.test('above high water the least recently used go, down to low water', async t => {
  const { collector, held, lastUse, digest } = await open([...'abcdefghij'], {
    quotaBytes: 1000,
    highWater: 0.9,
    lowWater: 0.7,
  })
  lastUse.use(digest('a'))
  t.equal(await collector.isAboveHighWater(), true)
  const result = await collector.run()
  t.equal(result.bytes, 300)
  t.strictSame(held(), ['a', ...'efghij'])
  t.equal(await collector.isAboveHighWater(), false)
})

t.test('a dry run tells what a run would drop, and drops nothing', async t => {
  const { collector, held } = await open([...'abcdefghij'], { quotaBytes: 1000 })
  const dry = await collector.run({ dryRun: true })
  t.equal(dry.dryRun, true)
  t.equal(dry.bytes, 100)
  t.equal(held().length, 10)
  const real = await collector.run()
  t.strictSame({ ...real, dryRun: true }, dry)
  t.strictSame(held(), [...'bcdefghij'])
})

t.test('a store that is full takes new content by dropping old', async t => {
  const { store, held, digest } = await open([...'abcdefghij'])
  const fresh = contentOf('new', 250)
  await store.put(fresh.digest, fresh.content)
  t.ok(store.stat(fresh.digest))
  t.strictSame(held(), [...'efghij'], 'three for the room, one for the next who comes')
  t.equal(store.stat(digest('a')), undefined)
})

t.test('what is protected stays, and when that is too much new content is refused', async t => {
  const { store, held, isProtected, digest, collector, book } = await open([...'abcdefghij'])
  for (const name of 'abcdefgh') isProtected.set(digest(name), 'kept')
  const small = contentOf('small', 200)
  await store.put(small.digest, small.content)
  t.strictSame(held(), [...'abcdefgh'])
  t.equal(collector.isFull(), false)

  isProtected.set(small.digest, 'kept')
  const more = contentOf('more', 10)
  await t.rejects(store.put(more.digest, more.content), { code: 'store-full' })
  await t.rejects(store.put(more.digest, more.content), { code: 'store-full' })
  t.equal(collector.isFull(), true)
  t.equal(book.told('warn').length, 1, 'told once')

  for (const { digest } of [...store.list()].slice(0, 3)) await store.delete(digest)
  await collector.run()
  t.equal(collector.isFull(), false, 'there is room again')
  isProtected.set(digest('h'), 'kept')
  await t.rejects(store.put(...huge()), { code: 'store-full' })
  t.equal(collector.isFull(), true)
  t.equal(collector.refuses(800), true)
  t.equal(collector.refuses(100), false, 'it takes what is smaller')
  t.equal(collector.refuses(), false)

  isProtected.clear()
  await store.put(...huge())
  t.equal(collector.isFull(), false)
})

t.test('what is larger than the store says nothing of what is smaller', async t => {
  const { store, collector } = await open(['a'])
  const { digest, content } = contentOf('larger', 1_500)
  await t.rejects(store.put(digest, content), { code: 'store-full' })
  t.equal(collector.isFull(), false)
  t.equal(collector.refuses(1_000), false)
  t.equal(collector.refuses(1_001), true)
  await collector.reconsider()
  t.equal(collector.refuses(1_500), true, 'it still does not fit')
})

t.test('a full store sees that it no longer is, without being asked for room', async t => {
  const { store, collector, isProtected, digest } = await open([...'abcdefghij'])
  for (const name of 'abcdefghij') isProtected.set(digest(name), 'kept')
  const more = contentOf('more', 10)
  await t.rejects(store.put(more.digest, more.content), { code: 'store-full' })
  t.equal(collector.refuses(), true)
  await collector.reconsider()
  t.equal(collector.isFull(), true, 'nothing changed')
  t.strictSame(collector.staying(), { kept: 1000, arriving: 0, leased: 0, recent: 0 })
  isProtected.set(digest('b'), 'arriving')
  await collector.reconsider()
  t.match(collector.staying(), { kept: 900, arriving: 100 }, 'what is kept, and what passes')
  isProtected.delete(digest('a'))
  await collector.reconsider()
  t.equal(collector.isFull(), false, 'something is no longer kept')
  t.equal(collector.staying(), undefined)
  t.equal(collector.refuses(10), false)
})

t.test('collections that are asked for at once do not count the same blobs twice', async t => {
  const { collector, held } = await open([...'abcdefghij'])
  t.strictSame(await Promise.all([collector.makeRoom(150), collector.makeRoom(150)]), [true, true])
  t.strictSame(held(), [...'ghij'])
})

t.test('nothing is dropped for what would not fit anyway', async t => {
  const { store, held } = await open(['a', 'b', 'c'])
  const huge = contentOf('huge', 1001)
  await t.rejects(store.put(huge.digest, huge.content), { code: 'store-full' })
  t.strictSame(held(), ['a', 'b', 'c'])
})

t.test(
  'blobs unused for the days that were set expire, others and protected ones do not',
  async t => {
    const { collector, held, isProtected, digest, time } = await open(['a', 'b', 'c'], {
      unusedForDays: 10,
    })
    isProtected.set(digest('a'), 'kept')
    time.nowMs += 8.5 * dayMs
    const { dropped } = await collector.run()
    t.strictSame(held(), ['a', 'c'])
    t.match(dropped, [{ digest: digest('b'), reason: 'unused', kind: 'blob' }])
  },
)

t.test('without a limit in days nothing expires', async t => {
  const { collector, held, time } = await open(['a'], { unusedForDays: 0 })
  time.nowMs += 10_000 * dayMs
  await collector.run()
  t.strictSame(held(), ['a'])
})

t.test('an interrupted download is dropped after seven days, an open one never', async t => {
  const { collector, interrupt, store, digest, time } = await open([])
  await interrupt('x')
  const writer = await store.write(digest('y'), 100)
  await writer.write(Buffer.alloc(10))
  time.nowMs += 5.5 * dayMs
  t.match(await collector.run(), { bytes: 0, protectedBytes: 10 })
  time.nowMs += dayMs
  t.match((await collector.run()).dropped, [{ digest: digest('x'), kind: 'partial' }])
  time.nowMs += 30 * dayMs
  t.equal((await collector.run()).bytes, 0)
  t.equal(store.partial(digest('y')), 10)
  await writer.discard()
  await writer.release()
})

t.test('interrupted downloads make room too, oldest first', async t => {
  const { interrupt, store, digest, held } = await open([
    'a',
    'b',
    'c',
    'd',
    'e',
    'f',
    'g',
    'h',
    'i',
  ])
  await interrupt('x')
  await interrupt('y')
  const fresh = contentOf('new', 900)
  await store.put(fresh.digest, fresh.content)
  t.equal(store.partial(digest('x')), 0)
  t.strictSame(held(), [])
})

t.test('what is used between being chosen and its turn stays', async t => {
  const { collector, store, lastUse, digest, held, time } = await open([...'abcdefghij'])
  const remove = store.delete
  Object.assign(store, {
    delete: async (chosen: Digest) => {
      time.nowMs += dayMs
      lastUse.use(digest('b'))
      await remove(chosen)
    },
  })
  t.equal(await collector.makeRoom(150), true)
  t.ok(held().includes('b'))
})

t.test(
  'on a disk that others fill, what was used within a day stays, and the new is refused',
  async t => {
    const { collector, held, lastUse, digest, time } = await open(['old', 'new'], {
      quotaBytes: 100_000_000_000_000,
      minFreeBytes: 1000,
    })
    lastUse.use(digest('new'))
    t.equal(await collector.makeRoom(100), true, 'what was not used lately makes room')
    t.strictSame(held(), ['new'])
    t.equal(await collector.makeRoom(100), false)
    t.strictSame(held(), ['new'], 'an image is not given up for the next one')
    time.nowMs += dayMs
    t.equal(await collector.makeRoom(100), true)
    t.strictSame(held(), [])
  },
)

t.test('when others fill the disk, the store yields', async t => {
  const { collector, store, held } = await open(['a', 'b', 'c', 'd'], { minFreeBytes: 500 })
  const { usage } = store
  Object.assign(store, { usage: async () => ({ ...(await usage()), freeBytes: 300 }) })
  t.equal(await collector.isAboveHighWater(), true)
  await collector.run()
  t.strictSame(held(), ['d'], 'it may take 200 bytes, and goes to low water')
})

t.test('a blob that cannot be deleted does not stop the collection', async t => {
  const { collector, store, held, digest, book } = await open([...'abcdefghij'])
  const remove = store.delete
  Object.assign(store, {
    delete: (chosen: Digest) =>
      chosen === digest('a') ? Promise.reject(new Error('broken')) : remove(chosen),
  })
  t.equal(await collector.makeRoom(100), true)
  t.ok(held().includes('a'))
  t.notOk(held().includes('b'))
  t.strictSame(book.told('error'), ['a blob could not be collected'])
})

t.test('what others rely on does not keep the rest from making room', async t => {
  const store = createMemoryStore({ quotaBytes: 1000 })
  const blobs = [...'abcdef'].map(name => contentOf(name, 100))
  for (const { digest, content } of blobs) await store.put(digest, content)
  const order = blobs.map(({ digest }) => digest)
  const relied = new Set(order.slice(0, 3))
  const collector = createCollector(
    {
      store,
      // The oldest are those that others rely on: they are the first in line.
      lastUse: { usedAtMs: digest => order.indexOf(digest) },
      lastCopies: {
        isLeased: digest => relied.has(digest),
        mayLeave: () => false,
        drop: async (digest, _isProtected, drop) => !relied.has(digest) && drop(),
      },
      protectedContent: () => new Map(),
      nowMs: () => 1_000,
      log: createLogBook().log,
    },
    { quotaBytes: 1000, minFreeBytes: 0, unusedForDays: 0 },
  )
  t.equal(await collector.makeRoom(200), true)
  t.strictSame(
    order.slice(0, 3).map(digest => store.stat(digest) !== undefined),
    [true, true, true],
  )
  t.equal(collector.isFull(), false)
})

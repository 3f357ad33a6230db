import t from 'tap'
import { createScrub } from '../../src/keep/scrub.ts'
import type { Digest } from '../../src/oci/digest.ts'
import { createMemoryStore } from '../support/memory-store.ts'
import { contentOf, createLogBook } from './support.ts'

const signal = new AbortController().signal

async function open(random = () => 0) {
  const store = createMemoryStore()
  const book = createLogBook()
  const scrub = createScrub(
    { store, log: book.log, nowMs: () => 7, random },
    { bytesPerSecond: 1e9 },
  )
  const [a, b, c] = ['a', 'b', 'c'].map(name => contentOf(name, 100))
  if (!a || !b || !c) throw new Error('unreachable')
  for (const { digest, content } of [a, b, c]) await store.put(digest, content)
  return { store, book, scrub, a: a.digest, b: b.digest, c: c.digest }
}

t.test('a pass hashes every blob and takes the damaged ones out', async t => {
  const { store, scrub, book, b } = await open()
  store.damage(b)
  t.strictSame(await scrub.run(signal), { checked: 3, bytes: 300, damaged: 1, unreadable: 0 })
  t.equal(store.stat(b), undefined)
  t.equal([...store.list()].length, 2)
  t.strictSame(book.told('error'), ['scrub found a damaged blob and moved it to quarantine'])
  t.strictSame(await scrub.run(signal), { checked: 2, bytes: 200, damaged: 0, unreadable: 0 })
  t.strictSame(scrub.counts(), { checked: 5, bytes: 500, damaged: 1, unreadable: 0 })
})

t.test('one blob can be asked for', async t => {
  const { store, scrub, a, b } = await open()
  store.damage(b)
  t.equal(await scrub.check(a, signal), 'sound')
  t.equal(await scrub.check(b, signal), 'damaged')
  t.equal(await scrub.check(b, signal), 'absent')
  t.match(scrub.counts(), { checked: 2, damaged: 1 })
})

t.test('damage that somebody met who read the blob counts as well, once', async t => {
  const { store, scrub, a, b } = await open()
  store.damage(b)
  t.equal(await store.get(b, 1_000), undefined)
  t.match(scrub.counts(), { checked: 0, damaged: 1 })
  t.match(scrub.findings(), [{ digest: b, size: 100, verdict: 'damaged', atMs: 7 }])
  await store.delete(a)
  await scrub.run(signal)
  t.match(scrub.counts(), { checked: 1, damaged: 1 })
  scrub.close()
  const [c] = [...store.list()]
  if (c === undefined) throw new Error('there is one left')
  store.damage(c.digest)
  await store.get(c.digest, 1_000)
  t.match(scrub.counts(), { damaged: 1 }, 'not after it was closed')
})

t.test('a blob that cannot be read is told and stays, and the pass goes on', async t => {
  const { store, scrub, book, a } = await open()
  const { reverify } = store
  Object.assign(store, {
    reverify: (digest: Digest, options: Parameters<typeof reverify>[1]) =>
      digest === a ? Promise.reject(new Error('EIO')) : reverify(digest, options),
  })
  t.match(await scrub.run(signal), { checked: 2, damaged: 0, unreadable: 1 })
  t.ok(store.stat(a))
  t.strictSame(book.told('error'), ['scrub could not read a blob'])
})

t.test('a pass begins anywhere and comes by everything', async t => {
  const { store, scrub, a, b, c } = await open(() => 0.4)
  const order: Digest[] = []
  const { reverify } = store
  Object.assign(store, {
    reverify: (...args: Parameters<typeof reverify>) => {
      order.push(args[0])
      return reverify(...args)
    },
  })
  await scrub.run(signal)
  t.strictSame(order, [b, c, a])
})

t.test('a pass tells how far it is, and what was found stays known', async t => {
  const { store, scrub, a, b } = await open()
  t.equal(scrub.pass(), undefined)
  t.strictSame(scrub.findings(), [])
  const seen: unknown[] = []
  const { reverify } = store
  Object.assign(store, {
    reverify: (...args: Parameters<typeof reverify>) => {
      seen.push(scrub.pass())
      return args[0] === a ? Promise.reject(new Error('EIO')) : reverify(...args)
    },
  })
  store.damage(b)
  await scrub.run(signal)
  const all = { startedAtMs: 7, blobs: 3, bytes: 300 }
  t.match(seen, [
    { ...all, endedAtMs: undefined, doneBlobs: 0, doneBytes: 0 },
    { ...all, doneBlobs: 1, doneBytes: 100 },
    { ...all, doneBlobs: 2, doneBytes: 200 },
  ])
  t.strictSame(scrub.pass(), { ...all, endedAtMs: 7, doneBlobs: 3, doneBytes: 300 })
  t.strictSame(scrub.findings(), [
    { digest: b, size: 100, verdict: 'damaged', atMs: 7 },
    { digest: a, size: 100, verdict: 'unreadable', atMs: 7 },
  ])
  t.match(scrub.counts(), { damaged: 1, unreadable: 1 })
})

t.test('a second call joins the pass that runs', async t => {
  const { scrub } = await open()
  const first = scrub.run(signal)
  t.equal(scrub.run(signal), first)
  await first
  t.equal(scrub.counts().checked, 3)
})

t.test('a pass ends with its signal', async t => {
  const { store, scrub } = await open()
  const ending = new AbortController()
  const { reverify } = store
  Object.assign(store, {
    reverify: (...args: Parameters<typeof reverify>) => {
      ending.abort()
      return reverify(...args)
    },
  })
  await t.rejects(scrub.run(ending.signal), { name: 'AbortError' })
  t.equal(scrub.counts().unreadable, 0)
})

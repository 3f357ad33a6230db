import t from 'tap'
import { uniteStores } from '../../src/keep/unite-stores.ts'
import type { StoreChange } from '../../src/ports/content-store.ts'
import { testContentStore } from '../ports/content-store.suite.ts'
import { makeBlob, readAll } from '../ports/content-store.support.ts'
import { createMemoryStore } from '../support/memory-store.ts'

t.test('beside a neighbour that holds nothing it is a content store', async t => {
  testContentStore(t, async (_, limits) => {
    const own = createMemoryStore(limits)
    const store = uniteStores(own, createMemoryStore())
    return { store, damage: async digest => own.damage(digest) }
  })
})

function unite() {
  const own = createMemoryStore()
  const theirs = createMemoryStore()
  const store = uniteStores(own, theirs)
  const changes: StoreChange[] = []
  const stop = store.onChange(change => changes.push(change))
  return { own, theirs, store, changes, stop }
}

t.test('what the neighbour holds is held, and read', async t => {
  const { theirs, store } = unite()
  const { content, digest } = makeBlob(300)
  await theirs.put(digest, content)
  t.strictSame(store.stat(digest), { digest, size: 300 })
  t.strictSame([...store.list()], [{ digest, size: 300 }])
  t.strictSame(await store.get(digest, 300), content)
  for (const reader of [await store.open(digest), (await store.openEarly?.(digest))?.reader]) {
    t.strictSame(reader && (await readAll(reader, 300)), content)
    await reader?.close()
  }
  t.equal((await store.usage()).blobs, 0, 'it takes no room of ours')
})

t.test('a change is told when the last copy goes and the first one comes', async t => {
  const { own, theirs, store, changes, stop } = unite()
  const { content, digest } = makeBlob(7)
  await theirs.put(digest, content)
  await own.put(digest, content)
  t.strictSame(changes, [{ kind: 'added', digest, size: 7 }])
  t.equal([...store.list()].length, 1, 'it is one blob')
  await theirs.delete(digest)
  t.ok(store.stat(digest))
  t.equal(changes.length, 1)
  await store.delete(digest)
  t.strictSame(changes.slice(1), [{ kind: 'removed', digest, size: 7 }])
  stop()
  await own.put(digest, content)
  await theirs.put(digest, content)
  t.equal(changes.length, 2)
})

t.test('deleting drops our own copy and leaves the other', async t => {
  const { own, theirs, store, changes } = unite()
  const { content, digest } = makeBlob(7)
  await own.put(digest, content)
  await theirs.put(digest, content)
  await store.delete(digest)
  t.equal(own.stat(digest), undefined)
  t.ok(store.stat(digest), 'it is held there')
  t.notOk(changes.some(({ kind }) => kind === 'removed'))
})

t.test(
  'a small blob that the neighbour has is not stored twice, unless it is damaged there',
  async t => {
    const { own, theirs, store } = unite()
    const { content, digest } = makeBlob(7)
    await theirs.put(digest, content)
    await store.put(digest, content)
    t.equal(own.stat(digest), undefined)
    theirs.damage(digest)
    await store.put(digest, content)
    t.ok(own.stat(digest))
    t.strictSame(await store.get(digest, 7), content)
  },
)

t.test('verifying again looks where it is held', async t => {
  const { theirs, store } = unite()
  const { content, digest } = makeBlob(7)
  const pace = { bytesPerSecond: 2 ** 30, signal: new AbortController().signal }
  await theirs.put(digest, content)
  t.equal(await store.reverify(digest, pace), 'sound')
  theirs.damage(digest)
  t.equal(await store.reverify(digest, pace), 'damaged')
  t.equal(await store.reverify(digest, pace), 'absent')
})

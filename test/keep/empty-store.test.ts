import t from 'tap'
import { createEmptyStore } from '../../src/keep/empty-store.ts'
import { uniteStores } from '../../src/keep/unite-stores.ts'
import { makeBlob } from '../ports/content-store.support.ts'
import { createMemoryStore } from '../support/memory-store.ts'

const { content, digest } = makeBlob(300)

t.test('it takes nothing, and says why', async t => {
  const store = createEmptyStore()
  await t.rejects(store.put(digest, content), { name: 'HoldfastError', code: 'not-kept' })
  await t.rejects(store.write(digest, 300), { code: 'not-kept' })
  await t.rejects(store.takeIn('sha256'), { code: 'not-kept' })
})

t.test('it holds nothing, and has no room to offer', async t => {
  const store = createEmptyStore()
  t.equal(store.stat(digest), undefined)
  t.equal(await store.open(digest), undefined)
  t.equal(await store.get(digest, 300), undefined)
  t.equal(store.partial(digest), 0)
  t.strictSame([...store.list(), ...store.partials(), ...store.quarantined()], [])
  const usage = { blobs: 0, blobBytes: 0, partialBytes: 0, freeBytes: 0, totalBytes: 0 }
  t.strictSame(await store.usage(), usage)
  t.equal(await store.dropPartial(digest), 0)
  const { signal } = new AbortController()
  t.equal(await store.reverify(digest, { bytesPerSecond: 1, signal }), 'absent')
  await store.delete(digest)
})

t.test('beside it a neighbour is all there is', async t => {
  const theirs = createMemoryStore()
  const store = uniteStores(createEmptyStore(), theirs)
  const changes: string[] = []
  const stop = store.onChange(({ kind }) => changes.push(kind))
  await t.rejects(store.put(digest, content), { code: 'not-kept' })
  await theirs.put(digest, content)
  await store.put(digest, content)
  t.strictSame(store.stat(digest), { digest, size: 300 })
  t.strictSame(await store.get(digest, 300), content)
  await store.delete(digest)
  t.ok(store.stat(digest), 'what is theirs stays')
  await theirs.delete(digest)
  t.strictSame(changes, ['added', 'removed'])
  stop()
})

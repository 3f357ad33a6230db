import type { Test } from 'tap'
import type { StoreChange } from '../../src/ports/content-store.ts'
import { makeBlob, type OpenStore, plenty } from './content-store.support.ts'

/** What a store that keeps its own blobs does beside it: a neighbour's damaged ones are not ours to put aside. */
export function testQuarantine(t: Test, openStore: OpenStore): void {
  t.test('a damaged blob is put aside', async t => {
    const { store, damage } = await openStore(t, plenty)
    const { content, digest } = makeBlob(3_000_000)
    await store.put(digest, content)
    await damage(digest)
    t.strictSame(store.quarantined(), [])
    t.equal(await store.reverify(digest, fast()), 'damaged')
    t.strictSame(store.quarantined(), [{ digest, size: 3_000_000 }])
  })
}

/** What looking after a store relies on. */
export function testUpkeep(t: Test, openStore: OpenStore): void {
  t.test('a sound blob stays when it is verified again', async t => {
    const { store } = await openStore(t, plenty)
    const { content, digest } = makeBlob(3_000_000)
    await store.put(digest, content)
    t.equal(await store.reverify(digest, fast()), 'sound')
    t.ok(store.stat(digest))
  })

  t.test('a damaged blob is found by verifying it again, and is held no more', async t => {
    const { store, damage } = await openStore(t, plenty)
    const changes: StoreChange[] = []
    const { content, digest } = makeBlob(3_000_000)
    await store.put(digest, content)
    store.onChange(change => changes.push(change))
    await damage(digest)
    t.equal(await store.reverify(digest, fast()), 'damaged')
    t.strictSame(changes, [{ kind: 'removed', digest, size: 3_000_000, reason: 'damaged' }])
    t.equal(await store.open(digest), undefined)
    await store.put(digest, content)
    t.strictSame(await store.get(digest, 3_000_000), content, 'it can come again')
  })

  t.test('a damaged small blob is not given whole, and is held no more', async t => {
    const { store, damage } = await openStore(t, plenty)
    const { content, digest } = makeBlob(300)
    await store.put(digest, content)
    await damage(digest)
    t.equal(await store.get(digest, 1000), undefined)
    t.equal(store.stat(digest), undefined)
  })

  t.test('verifying ends with its signal', async t => {
    const { store } = await openStore(t, plenty)
    const { content, digest } = makeBlob(3_000_000)
    await store.put(digest, content)
    await t.rejects(store.reverify(digest, { bytesPerSecond: 1, signal: AbortSignal.abort() }))
    t.ok(store.stat(digest))
  })
}

const fast = () => ({ bytesPerSecond: 2 ** 34, signal: new AbortController().signal })

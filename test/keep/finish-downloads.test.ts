import t from 'tap'
import { finishDownloads } from '../../src/keep/finish-downloads.ts'
import { type Digest, digestOf } from '../../src/oci/digest.ts'
import { silentLog } from '../../src/ports/log.ts'
import { createMemoryStore } from '../support/memory-store.ts'

const bytes = Buffer.alloc(1000, 7)
const digest = digestOf(bytes)

/** A store with an interrupted download that has these bytes. */
async function storeWith(came: Uint8Array) {
  const store = createMemoryStore()
  const writer = await store.write(digest, undefined)
  await writer.write(came)
  await writer.suspend()
  await writer.release()
  const sizeOf = (asked: Digest) => (asked === digest ? bytes.length : undefined)
  return { store, finish: () => finishDownloads({ store, sizeOf, log: silentLog }) }
}

t.test('what came whole is held', async t => {
  const { store, finish } = await storeWith(bytes)
  await finish()
  t.strictSame(store.stat(digest), { digest, size: bytes.length })
  t.strictSame([...store.partials()], [])
})

t.test('what lacks a byte waits for its continuation', async t => {
  const { store, finish } = await storeWith(bytes.subarray(1))
  await finish()
  t.equal(store.stat(digest), undefined)
  t.equal(store.partial(digest), bytes.length - 1)
})

t.test('what has its size and does not hash is dropped', async t => {
  const { store, finish } = await storeWith(Buffer.alloc(bytes.length))
  await finish()
  t.equal(store.stat(digest), undefined)
  t.equal(store.partial(digest), 0)
})

t.test('what nobody knows the size of is left alone', async t => {
  const { store } = await storeWith(bytes)
  await finishDownloads({ store, sizeOf: () => undefined, log: silentLog })
  t.equal(store.partial(digest), bytes.length)
})

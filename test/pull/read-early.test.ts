import { open as openFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import type { FileHasher } from '../../src/adapters/disk/hasher.ts'
import { openDiskStore } from '../../src/adapters/disk/open-disk-store.ts'
import { digestHex } from '../../src/oci/digest.ts'
import { silentLog } from '../../src/ports/log.ts'
import { contentFrom } from '../adapters/disk/support.ts'
import { createFakeUpstream, repositoryOf } from '../support/fake-upstream.ts'
import { download, openPull, present, stayAlive } from '../support/pull-parts.ts'

const repository = repositoryOf('lab/app')
const size = 3_000_000
const { content, digest } = contentFrom(1, size)
const { signal } = new AbortController()

/** A disk that takes as long as it is told to be read from end to end. */
function slowHasher() {
  const { promise, resolve, reject } = Promise.withResolvers<string>()
  let began = 0
  const hasher: FileHasher = {
    follow() {
      began += 1
      return { advance() {}, finish: () => promise, stop() {} }
    },
    close: async () => resolve(''),
  }
  return { hasher, read: resolve, fail: reject, began: () => began }
}

/** A node that was killed and knows of no file whether it is sound, on a slow disk. */
async function setUp(t: Test, flipAt?: number, { holdMs = 10_000 } = {}) {
  stayAlive(t)
  const dir = t.testdir()
  const options = { dir, log: silentLog, quotaBytes: 2 ** 30, minFreeBytes: 0 }
  const before = await openDiskStore(options)
  await before.put(digest, content)
  await before.close()
  await writeFile(join(dir, 'verified'), '')
  if (flipAt !== undefined) {
    const file = await openFile(join(dir, 'sha256', digestHex(digest)), 'r+')
    await file.write(Buffer.of((content[flipAt] ?? 0) ^ 1), 0, 1, flipAt)
    await file.close()
  }
  const { hasher, ...disk } = slowHasher()
  const store = await openDiskStore({ ...options, hasher })
  t.teardown(() => store.close())
  const upstream = createFakeUpstream()
  const pull = openPull(upstream, { store, flights: { holdMs } })
  t.teardown(() => pull.close())
  const get = async (range: { start?: number; end?: number } = {}) => {
    const opened = present(await pull.blobs.open(repository, digest, { ...range, signal }))
    t.equal(opened.source, 'store')
    return download(opened, range)
  }
  return { store, get, ...disk }
}

t.test('a blob is sent while it is verified, its last byte afterwards', async t => {
  const { get, read, began } = await setUp(t)
  const [whole, part] = await Promise.all([get(), get({ start: 10, end: 19 })])
  await whole.reached(size - 1)
  await part.reached(9)
  t.equal(whole.bytes().length, size - 1)
  t.equal(part.bytes().length, 9)
  t.equal(began(), 1)
  read(digestHex(digest))
  t.ok((await whole.whole).equals(content))
  t.ok((await part.whole).equals(content.subarray(10, 20)))
  t.ok((await (await get()).whole).equals(content))
  t.equal(began(), 1, 'and it is known now')
})

t.test('a damaged one is cut before its end, and held no more', async t => {
  const { store, get, read } = await setUp(t, 2_999_999)
  const client = await get()
  await client.reached(size - 1)
  read('what it hashes to')
  await t.rejects(client.whole, { code: 'blob-in-doubt' })
  t.equal(client.bytes().length, size - 1)
  t.equal(store.stat(digest), undefined)
})

t.test('a part whose bytes may be wrong is never completed', async t => {
  const { get, read } = await setUp(t, 15)
  const client = await get({ start: 10, end: 19 })
  await client.reached(9)
  read('what it hashes to')
  await t.rejects(client.whole, { code: 'blob-in-doubt' })
})

t.test('a verdict that does not come ends the wait for the last byte', async t => {
  const { store, get } = await setUp(t, undefined, { holdMs: 500 })
  const client = await get()
  await t.rejects(client.whole, { code: 'blob-interrupted' })
  t.equal(client.bytes().length, size - 1)
  t.ok(store.stat(digest), 'and is no reason to drop it')
})

import t, { type Test } from 'tap'
import { openDiskStore } from '../../src/adapters/disk/open-disk-store.ts'
import { type Collector, createCollector } from '../../src/keep/collect.ts'
import { createLastUse } from '../../src/keep/last-use.ts'
import type { Protection } from '../../src/keep/protected-content.ts'
import { createUsageClock } from '../../src/keep/usage-clock.ts'
import type { Digest } from '../../src/oci/digest.ts'
import type { ContentCatalog } from '../../src/ports/content-catalog.ts'
import { silentLog } from '../../src/ports/log.ts'
import { contentFrom } from '../adapters/disk/support.ts'
import { readAll } from '../ports/content-store.support.ts'
import { createMemoryCatalog } from '../support/memory-catalog.ts'

const size = 1_500_000
const quotaBytes = 10 * size
const time = { atMs: Date.UTC(2026, 0, 1) }
const clock = { wallMs: () => time.atMs, monotonicMs: () => time.atMs }

/** Store and collector as they are wired in the daemon: each needs the other. */
async function start(
  t: Test,
  dir: string,
  catalog: ContentCatalog,
  isProtected: Map<Digest, Protection>,
) {
  let collector: Collector | undefined
  const store = await openDiskStore({
    dir,
    log: silentLog,
    quotaBytes,
    minFreeBytes: 0,
    makeRoom: async bytes => (await collector?.makeRoom(bytes)) ?? false,
  })
  t.teardown(() => store.close())
  const { uses } = catalog.load()
  const newest = uses.length > 0 ? Math.max(...uses.map(({ atMs }) => atMs)) : undefined
  const nowMs = createUsageClock(clock, newest)
  const lastUse = createLastUse({ store, catalog, treeOf: digest => [digest], nowMs }, uses)
  collector = createCollector(
    { store, lastUse, nowMs, log: silentLog, protectedContent: () => isProtected },
    { quotaBytes, minFreeBytes: 0, unusedForDays: 0 },
  )
  return { store, lastUse, collector }
}

async function download(store: Awaited<ReturnType<typeof start>>['store'], seed: number) {
  time.atMs += 60_000
  const { content, digest } = contentFrom(seed, size)
  const writer = await store.write(digest, size)
  for (let at = 0; at < size; at += 200_000) await writer.write(content.subarray(at, at + 200_000))
  await writer.commit()
  await writer.release()
  return digest
}

t.test('many downloads at once, more than fit, stay within the quota', async t => {
  const { store } = await start(t, t.testdir(), createMemoryCatalog(), new Map())
  for (let round = 0; round < 6; round++) {
    await Promise.all([0, 1, 2, 3, 4].map(lane => download(store, round * 10 + lane)))
    const { blobBytes, partialBytes } = await store.usage()
    t.ok(blobBytes + partialBytes <= quotaBytes)
  }
  t.ok([...store.list()].length >= 8, 'and the quota is used')
  t.ok(store.stat(contentFrom(54, size).digest), 'the newest are there')
})

t.test('after a restart the least recently used of before goes first', async t => {
  const [dir, catalog, isProtected] = [
    t.testdir(),
    createMemoryCatalog(),
    new Map<Digest, Protection>(),
  ]
  const before = await start(t, dir, catalog, isProtected)
  const digests: Digest[] = []
  for (let seed = 0; seed < 10; seed++) digests.push(await download(before.store, seed))
  time.atMs += 120_000
  for (const digest of digests.slice(0, 3)) before.lastUse.use(digest)
  await before.store.close()

  time.atMs += 1000
  const after = await start(t, dir, catalog, isProtected)
  isProtected.set(digests[3] as Digest, 'kept')
  await download(after.store, 100)
  const held = digests.map((digest, seed) => (after.store.stat(digest) ? seed : '-'))
  t.strictSame(held, [0, 1, 2, 3, '-', '-', 6, 7, 8, 9])
})

t.test('a blob that is collected while it is read is read to its end', async t => {
  const { store, collector } = await start(t, t.testdir(), createMemoryCatalog(), new Map())
  const digest = await download(store, 1)
  const reader = await store.open(digest)
  if (reader === undefined) throw new Error('not held')
  await reader.read(Buffer.alloc(1000), 0)
  t.equal(await collector.makeRoom(size), true)
  t.equal(store.stat(digest), undefined)
  t.strictSame(await readAll(reader, size), contentFrom(1, size).content)
  await reader.close()
})

t.test('when all is protected a download is refused, and nothing of it stays', async t => {
  const isProtected = new Map<Digest, Protection>()
  const { store, collector } = await start(t, t.testdir(), createMemoryCatalog(), isProtected)
  for (let seed = 0; seed < 10; seed++) isProtected.set(await download(store, seed), 'kept')
  await t.rejects(download(store, 99), { code: 'store-full' })
  t.equal(collector.isFull(), true)
  t.strictSame([...store.partials()], [])
  isProtected.clear()
  t.ok(store.stat(await download(store, 99)), 'it recovers')
})

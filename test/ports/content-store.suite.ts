import type { Test } from 'tap'
import type { StoreChange } from '../../src/ports/content-store.ts'
import { testBlobWriter, testInterrupted } from './blob-writer.suite.ts'
import { testIntake } from './content-intake.suite.ts'
import { makeBlob, type OpenStore, plenty, readAll, slices } from './content-store.support.ts'
import { testQuarantine, testUpkeep } from './content-upkeep.suite.ts'

/** Every promise that a content store makes, one subtest each. */
export function testContentStore(t: Test, openStore: OpenStore): void {
  testHeld(t, openStore)
  testReaders(t, openStore)
  testDeletedWhileRead(t, openStore)
  testBlobWriter(t, openStore)
  testInterrupted(t, openStore)
  testRoom(t, openStore)
  testIntake(t, openStore)
  testUpkeep(t, openStore)
  testQuarantine(t, openStore)
}

/** What is held, and how that is told; also of a store that others fill. */
export function testHeld(t: Test, openStore: OpenStore): void {
  t.test('what is not held is absent everywhere', async t => {
    const { store } = await openStore(t, plenty)
    const { digest } = makeBlob(10)
    t.equal(store.stat(digest), undefined)
    t.equal(await store.open(digest), undefined)
    t.equal(await store.get(digest, 100), undefined)
    t.equal(store.partial(digest), 0)
    t.equal(
      await store.reverify(digest, { bytesPerSecond: 1, signal: new AbortController().signal }),
      'absent',
    )
    await store.delete(digest)
    t.strictSame([...store.list()], [])
  })

  for (const algorithm of ['sha256', 'sha512'] as const) {
    t.test(`a blob that was put under its ${algorithm} is held`, async t => {
      const { store } = await openStore(t, plenty)
      const { content, digest } = makeBlob(5000, algorithm)
      await store.put(digest, content)
      t.strictSame(store.stat(digest), { digest, size: 5000 })
      t.strictSame([...store.list()], [{ digest, size: 5000 }])
      t.strictSame(await store.get(digest, 5000), content)
      const { blobBytes, blobs, partialBytes } = await store.usage()
      t.strictSame(
        { blobBytes, blobs, partialBytes },
        { blobBytes: 5000, blobs: 1, partialBytes: 0 },
      )
    })
  }

  t.test('an empty blob is a blob', async t => {
    const { store } = await openStore(t, plenty)
    const { content, digest } = makeBlob(0)
    await store.put(digest, content)
    t.strictSame(await store.get(digest, 0), content)
    const reader = await store.open(digest)
    t.equal(await reader?.read(Buffer.alloc(10), 0), 0)
    await reader?.close()
  })

  t.test('bytes that do not hash to their digest are not put', async t => {
    const { store } = await openStore(t, plenty)
    const { digest } = makeBlob(10)
    await t.rejects(store.put(digest, Buffer.from('other')), { code: 'wrong-digest' })
    t.equal(store.stat(digest), undefined)
    t.equal((await store.usage()).blobBytes, 0)
  })

  t.test('a blob larger than maxBytes is not given whole', async t => {
    const { store } = await openStore(t, plenty)
    const { content, digest } = makeBlob(11)
    await store.put(digest, content)
    t.equal(await store.get(digest, 10), undefined)
    t.ok(store.stat(digest), 'it stays held')
  })

  t.test('changes are told once each, until the listener leaves', async t => {
    const { store } = await openStore(t, plenty)
    const changes: StoreChange[] = []
    const stop = store.onChange(change => changes.push(change))
    const { content, digest } = makeBlob(7)
    await Promise.all([store.put(digest, content), store.put(digest, content)])
    await Promise.all([store.delete(digest), store.delete(digest)])
    t.strictSame(changes, [
      { kind: 'added', digest, size: 7 },
      { kind: 'removed', digest, size: 7 },
    ])
    stop()
    await store.put(digest, content)
    t.equal(changes.length, 2)
    t.ok(store.stat(digest), 'what was deleted can come again')
  })
}

/** How a blob is read. */
export function testReaders(t: Test, openStore: OpenStore): void {
  t.test('a reader gives any range, and nothing at or past the end', async t => {
    const { store } = await openStore(t, plenty)
    const { content, digest } = makeBlob(1000)
    await store.put(digest, content)
    const reader = await store.open(digest)
    if (reader === undefined) throw new Error('not held')
    t.equal(reader.size, 1000)
    for (const [from, length] of [
      [0, 1000],
      [0, 1],
      [999, 1],
      [500, 100],
      [990, 100],
      [0, 5000],
    ] as const) {
      const into = Buffer.alloc(length)
      const got = await reader.read(into, from)
      t.strictSame(
        into.subarray(0, got),
        content.subarray(from, from + length),
        `${length} at ${from}`,
      )
    }
    t.equal(await reader.read(Buffer.alloc(10), 1000), 0)
    t.equal(await reader.read(Buffer.alloc(10), 2 ** 40), 0)
    await reader.close()
  })

  t.test('many readers read at once', async t => {
    const { store } = await openStore(t, plenty)
    const { content, digest } = makeBlob(500_000)
    await store.put(digest, content)
    const copies = await Promise.all(
      Array.from({ length: 20 }, async () => {
        const reader = await store.open(digest)
        if (reader === undefined) return undefined
        const copy = await readAll(reader, 500_000, 30_000)
        await reader.close()
        return copy
      }),
    )
    t.ok(copies.every(copy => copy?.equals(content)))
  })
}

/** Promised by a store that keeps files. */
export function testDeletedWhileRead(t: Test, openStore: OpenStore): void {
  t.test('an open reader goes on after the blob was deleted', async t => {
    const { store } = await openStore(t, plenty)
    const { content, digest } = makeBlob(300_000)
    await store.put(digest, content)
    const reader = await store.open(digest)
    if (reader === undefined) throw new Error('not held')
    await store.delete(digest)
    t.equal(await store.open(digest), undefined)
    t.strictSame(await readAll(reader, 300_000), content)
    await reader.close()
  })
}

function testRoom(t: Test, openStore: OpenStore): void {
  t.test('what exceeds the quota is refused and leaves nothing', async t => {
    const { store } = await openStore(t, { quotaBytes: 1000 })
    const { content, digest } = makeBlob(1001)
    await t.rejects(store.put(digest, content), { code: 'store-full' })
    await t.rejects(store.write(digest, 1001), { code: 'store-full' })
    await t.rejects(store.write(digest, 1001), { code: 'store-full' }, 'again')
    t.equal(store.partial(digest), 0)
    t.equal(store.stat(digest), undefined)
    const { blobBytes, partialBytes } = await store.usage()
    t.equal(blobBytes + partialBytes, 0)
    const small = makeBlob(1000)
    await store.put(small.digest, small.content)
    t.ok(store.stat(small.digest), 'it recovers')
  })

  t.test('room is asked for, and used when it was made', async t => {
    const old = makeBlob(800)
    const asked: number[] = []
    const { store } = await openStore(t, {
      quotaBytes: 1000,
      makeRoom: async bytes => {
        asked.push(bytes)
        await store.delete(old.digest)
        return true
      },
    })
    await store.put(old.digest, old.content)
    const { content, digest } = makeBlob(900)
    const writer = await store.write(digest, 900)
    await writer.write(content)
    await writer.commit()
    await writer.release()
    t.strictSame(asked, [700], 'only what is missing is asked for, once')
    t.strictSame([...store.list()], [{ digest, size: 900 }])
  })

  t.test('room that an ended download did not use is free for the next', async t => {
    const { store } = await openStore(t, { quotaBytes: 1000 })
    const { digest } = makeBlob(900)
    const first = await store.write(digest, 900)
    await first.discard()
    await first.release()
    const { content, digest: other } = makeBlob(900)
    await store.put(other, content)
    t.ok(store.stat(other))
  })

  t.test('a blob of unknown size is refused when it outgrows the quota', async t => {
    const { store } = await openStore(t, { quotaBytes: 100_000 })
    const { content, digest } = makeBlob(200_000)
    const writer = await store.write(digest, undefined)
    let failure: unknown
    for (const chunk of slices(content, 10_000)) {
      failure ??= await writer.write(chunk).then(
        () => undefined,
        error => error,
      )
    }
    t.match(failure, { code: 'store-full' })
    t.ok(writer.offset <= 100_000)
    await writer.discard()
    await writer.release()
    t.equal((await store.usage()).partialBytes, 0)
  })
}

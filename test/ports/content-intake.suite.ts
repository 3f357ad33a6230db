import type { Test } from 'tap'
import { makeBlob, type OpenStore, plenty, readAll, slices } from './content-store.support.ts'

/** What taking in nameless content promises, one subtest each. */
export function testIntake(t: Test, openStore: OpenStore): void {
  for (const bytes of [0, 5_000, 3_000_000]) {
    for (const algorithm of ['sha256', 'sha512'] as const) {
      t.test(`${bytes} bytes without a name are held under their ${algorithm}`, async t => {
        const { store } = await openStore(t, plenty)
        const { content, digest } = makeBlob(bytes, algorithm)
        const intake = await store.takeIn(algorithm)
        for (const chunk of slices(content, 100_000)) await intake.write(chunk)
        t.equal(store.stat(digest), undefined, 'not held before it is whole')
        t.strictSame(await intake.commit(), { digest, size: bytes, isNew: true })
        t.strictSame(store.stat(digest), { digest, size: bytes })
        const reader = await store.open(digest)
        t.ok(reader && content.equals(await readAll(reader, bytes)))
        await reader?.close()
      })
    }
  }

  t.test('bytes that are not what was expected are dropped', async t => {
    const { store } = await openStore(t, plenty)
    const [blob, other] = [makeBlob(2_000_000), makeBlob(10)]
    const intake = await store.takeIn('sha256')
    await intake.write(blob.content)
    await t.rejects(intake.commit(other.digest), { code: 'wrong-digest' })
    t.strictSame([...store.list()], [])
    const { blobBytes, partialBytes } = await store.usage()
    t.strictSame({ blobBytes, partialBytes }, { blobBytes: 0, partialBytes: 0 })
  })

  t.test('what is discarded leaves nothing', async t => {
    const { store } = await openStore(t, plenty)
    const intake = await store.takeIn('sha256')
    await intake.write(makeBlob(2_000_000).content)
    await intake.discard()
    t.strictSame([...store.list()], [])
  })

  t.test('what is held already stays, and is told of once', async t => {
    const { store } = await openStore(t, plenty)
    const { content, digest } = makeBlob(1_000)
    const changes: unknown[] = []
    store.onChange(change => changes.push(change))
    for (let times = 0; times < 2; times++) {
      const intake = await store.takeIn('sha256')
      await intake.write(content)
      t.equal((await intake.commit(digest)).isNew, times === 0)
    }
    t.strictSame(changes, [{ kind: 'added', digest, size: 1_000 }])
  })

  t.test('a download of the same blob may be under way', async t => {
    const { store } = await openStore(t, plenty)
    const { content, digest } = makeBlob(100_000)
    const writer = await store.write(digest, content.length)
    await writer.write(content.subarray(0, 50_000))
    const intake = await store.takeIn('sha256')
    await intake.write(content)
    await intake.commit(digest)
    t.ok(store.stat(digest))
    await writer.write(content.subarray(50_000))
    await writer.commit()
    await writer.release()
    t.strictSame([...store.list()], [{ digest, size: 100_000 }])
  })

  t.test('where no room may be made it is refused, and the room is free again', async t => {
    const { store } = await openStore(t, { quotaBytes: 20_000_000 })
    const chunk = makeBlob(1_000_000).content
    const intake = await store.takeIn('sha256')
    await t.rejects(
      (async () => {
        for (let written = 0; written <= 20; written++) await intake.write(chunk)
      })(),
      { code: 'store-full' },
    )
    await intake.discard()
    const { content, digest } = makeBlob(15_000_000)
    await store.put(digest, content)
    t.ok(store.stat(digest))
  })
}

import type { Test } from 'tap'
import { makeBlob, type OpenStore, plenty, readAll, slices } from './content-store.support.ts'

/** What a writer promises from its opening to its ending. */
export function testBlobWriter(t: Test, openStore: OpenStore): void {
  for (const size of [3_000_000, 3000, undefined]) {
    t.test(`what a writer was given is held once it is committed (size ${size})`, async t => {
      const { store } = await openStore(t, plenty)
      const { content, digest } = makeBlob(size ?? 2_000_000)
      const writer = await store.write(digest, size)
      t.equal(writer.offset, 0)
      for (const chunk of slices(content, 64 * 1024)) await writer.write(chunk)
      t.equal(writer.offset, content.length)
      t.equal(store.stat(digest), undefined, 'not before it is committed')
      t.equal(await store.open(digest), undefined)
      t.strictSame(await writer.commit(), { digest, size: content.length })
      await writer.release()
      t.strictSame(store.stat(digest), { digest, size: content.length })
      t.equal(store.partial(digest), 0)
      t.equal((await store.usage()).partialBytes, 0)
      const reader = await store.open(digest)
      t.strictSame(reader && (await readAll(reader, content.length)), content)
      await reader?.close()
    })
  }

  t.test('chunks whose writes overlap are appended in the order of the calls', async t => {
    const { store } = await openStore(t, plenty)
    const { content, digest } = makeBlob(2_000_000)
    const writer = await store.write(digest, content.length)
    await Promise.all([...slices(content, 7777)].map(chunk => writer.write(chunk)))
    t.equal(writer.offset, content.length)
    await writer.commit()
    await writer.release()
    t.ok(store.stat(digest))
  })

  t.test('a writer reads back what it wrote, also after each of its endings', async t => {
    const { store } = await openStore(t, plenty)
    for (const ending of ['commit', 'suspend', 'discard'] as const) {
      const { content, digest } = makeBlob(200_000)
      const writer = await store.write(digest, content.length)
      await writer.write(content.subarray(0, 150_000))
      t.strictSame(await readAll(writer, 200_000), content.subarray(0, 150_000))
      await writer.write(content.subarray(150_000))
      await writer[ending]()
      t.strictSame(await readAll(writer, 200_000), content, `after ${ending}`)
      await writer.release()
    }
  })

  t.test('a blob can be verified before it is committed', async t => {
    const { store } = await openStore(t, plenty)
    for (const size of [1000, 2_500_000]) {
      const { content, digest } = makeBlob(size)
      const writer = await store.write(digest, size)
      await writer.write(content)
      t.equal(await writer.verify?.(), true)
      t.equal(store.stat(digest), undefined, 'verified is not published')
      t.equal(await writer.verify?.(), true, 'asking again is possible')
      await writer.commit()
      await writer.release()
      t.ok(store.stat(digest))
    }
  })

  t.test('wrong bytes are dropped, and the blob can be fetched anew', async t => {
    const { store } = await openStore(t, plenty)
    for (const size of [1000, 2_500_000]) {
      const { content, digest } = makeBlob(size)
      const writer = await store.write(digest, size)
      await writer.write(Buffer.alloc(size, 1))
      t.equal(await writer.verify?.(), false)
      await t.rejects(writer.commit(), { code: 'wrong-digest' })
      await writer.release()
      t.equal(store.stat(digest), undefined)
      t.equal(store.partial(digest), 0)
      const again = await store.write(digest, size)
      t.equal(again.offset, 0)
      await again.write(content)
      await again.commit()
      await again.release()
      t.ok(store.stat(digest))
    }
  })

  t.test('a blob that is cut short is wrong', async t => {
    const { store } = await openStore(t, plenty)
    const { content, digest } = makeBlob(1000)
    const writer = await store.write(digest, 1000)
    await writer.write(content.subarray(0, 999))
    await t.rejects(writer.commit(), { code: 'wrong-digest' })
    await writer.release()
  })

  t.test('a blob does not grow beyond its size', async t => {
    const { store } = await openStore(t, plenty)
    const { content, digest } = makeBlob(1000)
    const writer = await store.write(digest, 1000)
    await writer.write(content)
    await t.rejects(writer.write(Buffer.from('x')), { code: 'wrong-digest' })
    await writer.discard()
    await writer.release()
    t.equal(store.partial(digest), 0)
  })

  t.test('a digest has one writer at a time', async t => {
    const { store } = await openStore(t, plenty)
    const { digest } = makeBlob(10)
    const writer = await store.write(digest, 10)
    await t.rejects(store.write(digest, 10), /being written already/)
    await writer.discard()
    const next = await store.write(digest, 10)
    await next.discard()
    await Promise.all([writer.release(), next.release()])
  })

  t.test('a writer that has ended takes nothing more', async t => {
    const { store } = await openStore(t, plenty)
    const { content, digest } = makeBlob(10)
    const writer = await store.write(digest, 10)
    await writer.write(content)
    await writer.commit()
    for (const late of [
      () => writer.write(content),
      () => writer.commit(),
      () => writer.suspend(),
      () => writer.discard(),
    ]) {
      await t.rejects(async () => void (await late()), /has ended/)
    }
    await writer.release()
    t.ok(store.stat(digest))
  })
}

/** What is promised about downloads that stop half way. */
export function testInterrupted(t: Test, openStore: OpenStore): void {
  for (const size of [50_000, 4_000_000]) {
    t.test(`an interrupted download of ${size} bytes goes on where it stopped`, async t => {
      const { store } = await openStore(t, plenty)
      const { content, digest } = makeBlob(size)
      let written = 0
      for (const part of slices(content, Math.ceil(size / 5))) {
        const writer = await store.write(digest, size)
        t.equal(writer.offset, written)
        t.strictSame(await readAll(writer, size), content.subarray(0, written))
        await writer.write(part)
        written += part.length
        if (written < size) await writer.suspend()
        else await writer.commit()
        await writer.release()
        t.equal(store.partial(digest), written < size ? written : 0)
      }
      const reader = await store.open(digest)
      t.strictSame(reader && (await readAll(reader, size)), content)
      await reader?.close()
    })
  }

  t.test('a damaged prefix is found out, dropped and fetched whole', async t => {
    const { store } = await openStore(t, plenty)
    const { content, digest } = makeBlob(2_000_000)
    const first = await store.write(digest, content.length)
    await first.write(Buffer.alloc(1_500_000, 7))
    await first.suspend()
    await first.release()
    const second = await store.write(digest, content.length)
    t.equal(second.offset, 1_500_000)
    await second.write(content.subarray(1_500_000))
    await t.rejects(second.commit(), { code: 'wrong-digest' })
    await second.release()
    t.equal(store.partial(digest), 0)
  })

  t.test('an interrupted download that is longer than the blob is dropped', async t => {
    const { store } = await openStore(t, plenty)
    const { content, digest } = makeBlob(1000)
    const first = await store.write(digest, undefined)
    await first.write(Buffer.alloc(1500))
    await first.suspend()
    await first.release()
    const second = await store.write(digest, 1000)
    t.equal(second.offset, 0)
    await second.write(content)
    await second.commit()
    await second.release()
  })

  t.test('an interrupted download is obsolete once the blob came another way', async t => {
    const { store } = await openStore(t, plenty)
    const { content, digest } = makeBlob(1000)
    const writer = await store.write(digest, 1000)
    await writer.write(content.subarray(0, 400))
    await writer.suspend()
    await writer.release()
    await store.put(digest, content)
    t.equal(store.partial(digest), 0)
    t.strictSame([...store.partials()], [])
  })

  t.test('a download that got nothing leaves nothing', async t => {
    const { store } = await openStore(t, plenty)
    const { digest } = makeBlob(1000)
    const writer = await store.write(digest, 1000)
    await writer.suspend()
    await writer.release()
    t.strictSame([...store.partials()], [])
  })

  t.test('interrupted downloads are listed and can be dropped, open ones cannot', async t => {
    const { store } = await openStore(t, plenty)
    const { content, digest } = makeBlob(1000)
    const writer = await store.write(digest, 1000)
    await writer.write(content.subarray(0, 400))
    t.strictSame([...store.partials()], [{ digest, size: 400, isOpen: true }])
    t.equal(await store.dropPartial(digest), 0)
    await writer.suspend()
    await writer.release()
    t.strictSame([...store.partials()], [{ digest, size: 400, isOpen: false }])
    t.equal((await store.usage()).partialBytes, 400)
    t.equal(await store.dropPartial(digest), 400)
    t.equal(store.partial(digest), 0)
    t.equal((await store.usage()).partialBytes, 0)
  })
}

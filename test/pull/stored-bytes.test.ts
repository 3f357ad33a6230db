import { randomBytes } from 'node:crypto'
import t from 'tap'
import { digestOf } from '../../src/oci/digest.ts'
import type { BlobWriter } from '../../src/ports/content-store.ts'
import { createStoredBytes } from '../../src/pull/stored-bytes.ts'
import { createMemoryStore } from '../support/memory-store.ts'

const content = randomBytes(8_000_000)
const digest = digestOf(content)
const chunk = (n: number) => content.subarray(n * 500_000, (n + 1) * 500_000)

/** A writer whose disk takes a chunk only when the test lets it. */
async function open() {
  const inner = await createMemoryStore().write(digest, content.length)
  const turns: PromiseWithResolvers<void>[] = []
  let last = Promise.resolve()
  const writer: BlobWriter = Object.assign(Object.create(inner) as BlobWriter, {
    write(bytes: Uint8Array) {
      const turn = Promise.withResolvers<void>()
      turns.push(turn)
      last = last.then(() => turn.promise).then(() => inner.write(bytes))
      return last
    },
  })
  return { writer, turns, bytes: createStoredBytes(writer) }
}

t.test('bytes count and can be read before the disk has them', async t => {
  const { bytes, turns } = await open()
  await bytes.append(chunk(0))
  t.equal(bytes.offset, 500_000)
  const into = Buffer.alloc(600_000)
  t.equal(await bytes.read(into, 100_000), 400_000)
  t.ok(into.subarray(0, 400_000).equals(chunk(0).subarray(100_000)))
  turns[0]?.resolve()
  await bytes.flush()
})

t.test('the source waits while too much waits for the disk', async t => {
  const { bytes, turns } = await open()
  await bytes.append(chunk(0))
  await bytes.append(chunk(1))
  let isTaken = false
  const third = bytes.append(chunk(2)).then(() => {
    isTaken = true
  })
  await new Promise(setImmediate)
  t.equal(isTaken, false)
  for (const turn of turns) turn.resolve()
  await third
})

t.test('old bytes are read from the disk, all of them right', async t => {
  const { bytes, turns, writer } = await open()
  for (let n = 0; n < 16; n += 1) {
    const appending = bytes.append(chunk(n))
    for (const turn of turns) turn.resolve()
    await appending
  }
  await bytes.flush()
  const all = Buffer.alloc(content.length)
  for (let at = 0; at < all.length; ) at += await bytes.read(all.subarray(at, at + 300_000), at)
  t.ok(all.equals(content))
  let reads = 0
  writer.read = async () => {
    reads += 1
    return 1
  }
  await bytes.read(Buffer.alloc(10), content.length - 10)
  t.equal(reads, 0, 'the newest are in memory')
  await bytes.read(Buffer.alloc(10), 0)
  t.equal(reads, 1, 'the oldest are not')
  t.equal(await bytes.verify(), true)
})

t.test('what a failing disk did not take is handed back in order', async t => {
  const { bytes, turns, writer } = await open()
  await bytes.append(chunk(0))
  await bytes.append(chunk(1))
  const third = bytes.append(chunk(2))
  turns[0]?.resolve()
  turns[1]?.reject(new Error('disk full'))
  await t.rejects(third, { message: 'disk full' })
  await t.rejects(bytes.flush(), { message: 'disk full' })
  t.equal(writer.offset, 500_000)
  const rest = Buffer.concat(await bytes.unwritten())
  t.ok(rest.equals(content.subarray(500_000, 1_500_000)))
})

t.test('a chunk of which only a part has room is handed back whole', async t => {
  const { bytes, turns, writer } = await open()
  const large = bytes.append(content)
  turns[0]?.reject(new Error('disk full'))
  await t.rejects(large, { message: 'disk full' })
  t.equal(writer.offset, 0)
  t.ok(Buffer.concat(await bytes.unwritten()).equals(content))
})

t.test("a chunk is the caller's again once it was taken", async t => {
  const { bytes, turns, writer } = await open()
  const own = Buffer.from(chunk(0))
  await bytes.append(own)
  own.fill(0)
  turns[0]?.resolve()
  await bytes.flush()
  const into = Buffer.alloc(500_000)
  await bytes.read(into, 0)
  t.ok(into.equals(chunk(0)), 'in memory')
  await writer.read(into, 0)
  t.ok(into.equals(chunk(0)), 'on the disk')
})

t.test('bytes beyond the size are refused by the writer, not waited for', async t => {
  const inner = await createMemoryStore().write(digest, 1_000)
  const writer = Object.assign(Object.create(inner) as BlobWriter, {
    write: async (bytes: Uint8Array) => {
      if (inner.offset + bytes.byteLength > 1_000) throw new Error('goes on beyond its size')
      await inner.write(bytes)
    },
  })
  const bytes = createStoredBytes(writer, 1_000)
  await bytes.append(content.subarray(0, 1_000))
  await bytes.append(content.subarray(1_000, 1_001))
  await t.rejects(bytes.flush(), /beyond its size/)
})

t.test('without a verify of its own a writer is verified by its commit', async t => {
  const store = createMemoryStore()
  const inner = await store.write(digest, content.length)
  const writer = Object.assign(Object.create(inner) as BlobWriter, { verify: undefined })
  const bytes = createStoredBytes(writer)
  await bytes.append(content)
  t.equal(await bytes.verify(), true)
  t.ok(store.stat(digest))
  await bytes.keep()

  const other = createMemoryStore()
  const wrong = await other.write(digest, content.length)
  const wrongBytes = createStoredBytes(
    Object.assign(Object.create(wrong) as BlobWriter, { verify: undefined }),
  )
  await wrongBytes.append(Buffer.alloc(content.length))
  t.equal(await wrongBytes.verify(), false)
  await wrongBytes.discard()
})

import { mkdir, open, rename, rm, stat, symlink, truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { testContentStore } from '../../ports/content-store.suite.ts'
import { readAll } from '../../ports/content-store.support.ts'
import { blobPath, contentFrom, filesIn, openStore, partialPath, recordChanges } from './support.ts'

const fast = { bytesPerSecond: 1e9, signal: new AbortController().signal }

t.test('the conformance suite', async t => {
  testContentStore(t, async (t, limits) => {
    const dir = t.testdir()
    const store = await openStore(t, dir, limits)
    return {
      store,
      async damage(digest) {
        const file = await open(blobPath(dir, digest), 'r+')
        await file.write(Buffer.from('damage'), 0, 6, 0)
        await file.close()
      },
    }
  })
})

t.test('a restart finds what was whole, and what was interrupted', async t => {
  const dir = t.testdir()
  const [small, large, half] = [contentFrom(1, 500), contentFrom(2, 3e6), contentFrom(3, 3e6)]
  const before = await openStore(t, dir)
  await before.put(small.digest, small.content)
  const writer = await before.write(large.digest, 3e6)
  await writer.write(large.content)
  await writer.commit()
  await writer.release()
  const interrupted = await before.write(half.digest, 3e6)
  await interrupted.write(half.content.subarray(0, 2e6))
  await interrupted.suspend()
  await interrupted.release()
  await before.close()

  const after = await openStore(t, dir)
  t.strictSame(
    new Set([...after.list()].map(({ digest, size }) => `${digest} ${size}`)),
    new Set([`${small.digest} 500`, `${large.digest} 3000000`]),
  )
  t.strictSame([...after.partials()], [{ digest: half.digest, size: 2e6, isOpen: false }])
  const { blobBytes, partialBytes } = await after.usage()
  t.strictSame({ blobBytes, partialBytes }, { blobBytes: 3_000_500, partialBytes: 2e6 })
  const rest = await after.write(half.digest, 3e6)
  t.equal(rest.offset, 2e6)
  await rest.write(half.content.subarray(2e6))
  await rest.commit()
  await rest.release()
  t.ok(after.stat(half.digest))
})

t.test('a download that was cut off without an ending is continued too', async t => {
  const dir = t.testdir()
  const { content, digest } = contentFrom(4, 3e6)
  const before = await openStore(t, dir)
  const writer = await before.write(digest, 3e6)
  await writer.write(content.subarray(0, 1_234_567)) // and no word more, as kill -9 would have it
  const after = await openStore(t, dir)
  t.equal(after.partial(digest), 1_234_567)
  const rest = await after.write(digest, 3e6)
  await rest.write(content.subarray(1_234_567))
  await rest.commit()
  await Promise.all([rest.release(), writer.release()])
  t.ok(after.stat(digest))
})

t.test('a start trusts no name that is not a digest, and no file that is not a file', async t => {
  const { digest, content } = contentFrom(5, 10)
  const other = contentFrom(6, 10)
  const hex = digest.slice(7)
  const dir = t.testdir({
    sha256: { README: 'x', [hex.toUpperCase()]: 'x', [hex.slice(1)]: 'x', [`${hex}.tmp`]: 'x' },
  })
  await mkdir(blobPath(dir, digest))
  await writeFile(join(dir, 'elsewhere'), other.content)
  await symlink(join(dir, 'elsewhere'), blobPath(dir, other.digest))
  const store = await openStore(t, dir)
  t.strictSame([...store.list()], [])
  t.equal(await store.open(digest), undefined)
  await rm(blobPath(dir, digest), { recursive: true })
  await store.put(digest, content)
  t.ok(store.stat(digest))
})

t.test(
  'a start clears what a crash left of small blobs, empty downloads and those held whole',
  async t => {
    const dir = t.testdir()
    const [held, empty, other] = [contentFrom(7, 100), contentFrom(8, 100), contentFrom(9, 100)]
    const before = await openStore(t, dir)
    await before.put(held.digest, held.content)
    await writeFile(partialPath(dir, held.digest), 'x')
    await writeFile(partialPath(dir, empty.digest), '')
    await writeFile(`${partialPath(dir, other.digest)}.123-4.new`, 'x')
    const after = await openStore(t, dir)
    t.strictSame([...after.partials()], [])
    t.strictSame(await filesIn(dir), [held.digest.slice(7)])
  },
)

t.test('a start names the small blobs that a crash left whole', async t => {
  const dir = t.testdir()
  await openStore(t, dir)
  const [whole, wrong] = [contentFrom(30, 100), contentFrom(31, 100)]
  await writeFile(`${partialPath(dir, whole.digest)}.123-4.new`, whole.content)
  await writeFile(`${partialPath(dir, wrong.digest)}.123-5.new`, whole.content)
  const after = await openStore(t, dir)
  t.strictSame([...after.list()], [{ digest: whole.digest, size: 100 }])
  t.strictSame(await filesIn(dir), [whole.digest.slice(7)])
  t.strictSame(await after.get(whole.digest, 100), whole.content)
})

t.test('a blob whose file vanished is absent, and that is told', async t => {
  const dir = t.testdir()
  const store = await openStore(t, dir)
  const { content, digest } = contentFrom(10, 100)
  await store.put(digest, content)
  const changes = recordChanges(store)
  await rm(blobPath(dir, digest))
  t.equal(await store.open(digest), undefined)
  t.equal(store.stat(digest), undefined)
  t.strictSame(changes, [{ kind: 'removed', digest, size: 100, reason: 'vanished' }])
})

t.test('a blob whose file shrank is absent, and lies in quarantine', async t => {
  const dir = t.testdir()
  const store = await openStore(t, dir)
  const { content, digest } = contentFrom(11, 100)
  await store.put(digest, content)
  const changes = recordChanges(store)
  await truncate(blobPath(dir, digest), 99)
  t.equal(await store.open(digest), undefined)
  t.strictSame(changes, [{ kind: 'removed', digest, size: 100, reason: 'damaged' }])
  t.equal((await stat(join(dir, 'quarantine', digest.replace(':', '-')))).size, 99)
})

for (const size of [100, 2_000_000]) {
  t.test(`a byte that changed in the file of a blob of ${size} bytes is never read`, async t => {
    const dir = t.testdir()
    const store = await openStore(t, dir)
    const { content, digest } = contentFrom(15, size)
    await store.put(digest, content)
    const { atime, mtime } = await stat(blobPath(dir, digest))
    const file = await open(blobPath(dir, digest), 'r+')
    await file.write(Buffer.from([~(content[50] ?? 0)]), 0, 1, 50)
    await file.utimes(atime, mtime)
    await file.close()
    const changes = recordChanges(store)
    const both = [store.open(digest), store.open(digest)]
    t.strictSame(await Promise.all(both), [undefined, undefined])
    t.strictSame(changes, [{ kind: 'removed', digest, size, reason: 'damaged' }])
    await store.put(digest, content)
    const reader = await store.open(digest)
    t.ok(reader, 'it can be had anew')
    await reader?.close()
  })
}

t.test('what changed while nobody looked is found before it is read', async t => {
  const dir = t.testdir()
  const [flipped, cut, sound] = [16, 17, 18].map(seed => contentFrom(seed, 1_500_000))
  if (!flipped || !cut || !sound) throw new Error('three were made')
  const before = await openStore(t, dir)
  for (const { content, digest } of [flipped, cut, sound]) await before.put(digest, content)
  await before.close()
  await writeFile(blobPath(dir, flipped.digest), Buffer.from(flipped.content).fill(0, 7, 8))
  await truncate(blobPath(dir, cut.digest), 1_000_000)
  const store = await openStore(t, dir)
  t.equal(await store.open(flipped.digest), undefined)
  t.equal(await store.open(cut.digest), undefined)
  const reader = await store.open(sound.digest)
  if (reader === undefined) throw new Error('not held')
  t.ok(sound.content.equals(await readAll(reader, sound.content.length)))
  await reader.close()
  t.equal(store.stat(cut.digest), undefined)
})

t.test('a file that shrinks while it is read is in doubt', async t => {
  const dir = t.testdir()
  const store = await openStore(t, dir)
  const { content, digest } = contentFrom(12, 100_000)
  await store.put(digest, content)
  const reader = await store.open(digest)
  if (reader === undefined) throw new Error('not held')
  await reader.read(Buffer.alloc(10), 0)
  await truncate(blobPath(dir, digest), 50_000)
  await t.rejects(reader.read(Buffer.alloc(10), 60_000), { code: 'blob-in-doubt' })
  t.equal(store.stat(digest), undefined)
  await reader.close()
})

t.test('a blob that cannot be opened is an error and not absent', async t => {
  const dir = t.testdir()
  const store = await openStore(t, dir)
  const { content, digest } = contentFrom(13, 100)
  await store.put(digest, content)
  const path = blobPath(dir, digest)
  await rename(path, `${path}.aside`)
  await symlink(path, path) // leads to itself: ELOOP, whoever asks
  const unusable = { code: 'store-unusable', message: /ELOOP.*sha256/ }
  await t.rejects(store.open(digest), unusable)
  await t.rejects(store.get(digest, 100), unusable)
  await t.rejects(store.reverify(digest, fast), unusable)
  t.ok(store.stat(digest), 'it stays held')
  await rm(path)
  await rename(`${path}.aside`, path)
  t.strictSame(await store.get(digest, 100), content, 'and is there when the disk is')
})

t.test('a link in the place of a blob is not followed', async t => {
  const dir = t.testdir({ elsewhere: 'x'.repeat(500) })
  const store = await openStore(t, dir)
  const held = contentFrom(1, 500)
  await store.put(held.digest, held.content)
  await rm(blobPath(dir, held.digest))
  await symlink(join(dir, 'elsewhere'), blobPath(dir, held.digest))
  await t.rejects(store.open(held.digest), { code: 'store-unusable' })
})

t.test('a blob that cannot be read is an error and not damaged', async t => {
  const dir = t.testdir({ decoy: {} })
  const { size } = await stat(join(dir, 'decoy'))
  const store = await openStore(t, dir)
  const { content, digest } = contentFrom(14, size)
  await store.put(digest, content)
  await rm(blobPath(dir, digest))
  await rename(join(dir, 'decoy'), blobPath(dir, digest)) // of the right size, but EISDIR when it is read
  const unusable = { code: 'store-unusable', message: /EISDIR/ }
  await t.rejects(store.open(digest), unusable)
  await t.rejects(store.get(digest, size), unusable)
  await t.rejects(store.reverify(digest, fast), unusable)
  t.ok(store.stat(digest))
})

t.test('a directory that cannot be made is told with its path', async t => {
  const dir = t.testdir({ file: 'x' })
  await t.rejects(openStore(t, join(dir, 'file', 'blobs')), {
    code: 'store-unusable',
    message: /ENOTDIR.*file.blobs/,
  })
})

t.test('deleting and storing the same blob at once ends with what is said being true', async t => {
  const dir = t.testdir()
  const store = await openStore(t, dir)
  const { content, digest } = contentFrom(15, 1000)
  for (let round = 0; round < 30; round++) {
    const order = [() => store.put(digest, content), () => store.delete(digest)]
    if (round % 2 === 1) order.reverse()
    await Promise.all([...order, ...order].map(operation => operation()))
    const held = store.stat(digest) !== undefined
    const reader = await store.open(digest)
    t.equal(reader !== undefined, held, `round ${round}`)
    t.equal((await filesIn(dir)).length, held ? 1 : 0)
    await reader?.close()
  }
})

t.test('a writer stays readable over its commit and the deletion after it', async t => {
  const dir = t.testdir()
  const store = await openStore(t, dir)
  const { content, digest } = contentFrom(16, 2e6)
  const writer = await store.write(digest, 2e6)
  await writer.write(content)
  await writer.commit()
  await store.delete(digest)
  t.strictSame(await readAll(writer, 2e6), content)
  await writer.release()
  t.strictSame(await filesIn(dir), [])
})

t.test('a blob that was replaced while its old file was verified stays', async t => {
  const dir = t.testdir()
  const hashing = Promise.withResolvers<void>()
  const replaced = Promise.withResolvers<void>()
  const finish = async () => {
    hashing.resolve()
    await replaced.promise
    return '0'.repeat(64)
  }
  const hasher = { follow: () => ({ advance() {}, stop() {}, finish }), close: async () => {} }
  const store = await openStore(t, dir, { hasher })
  const { content, digest } = contentFrom(19, 4e6)
  await store.put(digest, content)
  const verdict = store.reverify(digest, { ...fast, bytesPerSecond: 2 ** 40 })
  await hashing.promise
  await store.delete(digest)
  await store.put(digest, content)
  replaced.resolve()
  t.equal(await verdict, 'absent')
  t.strictSame(await store.get(digest, 4e6), content)
})

t.test('a listener that fails harms nobody', async t => {
  const dir = t.testdir()
  const store = await openStore(t, dir)
  store.onChange(() => {
    throw new Error('mine')
  })
  const changes = recordChanges(store)
  const { content, digest } = contentFrom(17, 10)
  await store.put(digest, content)
  t.equal(changes.length, 1)
})

t.test('a reader that is closed while it reads finishes its read', async t => {
  const dir = t.testdir()
  const store = await openStore(t, dir)
  const { content, digest } = contentFrom(18, 100_000)
  await store.put(digest, content)
  const reader = await store.open(digest)
  if (reader === undefined) throw new Error('not held')
  const into = Buffer.alloc(100_000)
  const [got] = await Promise.all([reader.read(into, 0), reader.close(), reader.close()])
  t.strictSame(into.subarray(0, got), content.subarray(0, got))
  await t.rejects(reader.read(into, 0), /closed/)
})

t.test('what had no name yet is gone after a restart', async t => {
  const dir = t.testdir()
  const before = await openStore(t, dir)
  const intake = await before.takeIn('sha256')
  await intake.write(Buffer.alloc(100_000))
  t.ok(
    (await filesIn(dir)).some(name => name.includes('nameless')),
    'as a crash leaves it',
  )
  const after = await openStore(t, dir)
  t.notOk((await filesIn(dir)).some(name => name.includes('nameless')))
  t.strictSame([...after.list()], [])
  await intake.discard()
})

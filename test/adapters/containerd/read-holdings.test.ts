import { chmod } from 'node:fs/promises'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import type { Digest } from '../../../src/oci/digest.ts'
import type { MaintainedStore } from '../../../src/ports/content-upkeep.ts'
import { testDeletedWhileRead, testHeld, testReaders } from '../../ports/content-store.suite.ts'
import { makeBlob, readAll } from '../../ports/content-store.support.ts'
import { testUpkeep } from '../../ports/content-upkeep.suite.ts'
import { type FakeContainerd, startFakeContainerd } from './fake-containerd.ts'
import { eventually, folderOf, follow, reaches } from './support.ts'

async function open(t: Test, { asFiles }: { asFiles: boolean }) {
  const dir = await folderOf(t)
  const contentDir = join(dir, 'content')
  const socket = join(dir, 'c.sock')
  const fake = await startFakeContainerd({ socket, ...(asFiles && { contentDir }) })
  t.teardown(() => fake.stop())
  if (asFiles) {
    const { content, digest } = makeBlob(1) // makes the directories
    await fake.put(digest, content)
    await fake.delete(digest)
  }
  const store = follow(t, socket)
  const { reads } = await reaches(store, 'connected')
  t.equal(reads, asFiles ? 'directory' : 'grpc')
  return { store, fake }
}

/** Containerd is filled by others; the suite's `put` and `delete` are theirs. */
async function openMaintained(t: Test, asFiles: boolean) {
  const { store, fake } = await open(t, { asFiles })
  const filled: Pick<MaintainedStore, 'put' | 'delete' | 'usage' | 'partial'> = {
    async put(digest, bytes) {
      await fake.put(digest, bytes)
      await eventually(`${digest} is listed`, () => store.stat(digest) !== undefined)
    },
    async delete(digest) {
      await fake.delete(digest)
      await eventually(`${digest} is gone`, () => store.stat(digest) === undefined)
    },
    partial: () => 0,
    async usage() {
      const { blobs, blobBytes } = store.status()
      return { blobs, blobBytes, partialBytes: 0, freeBytes: 0, totalBytes: 0 }
    },
  }
  const damage = (digest: Digest) => fake.damage(digest)
  return { store: { ...store, ...filled } as unknown as MaintainedStore, damage }
}

for (const asFiles of [true, false]) {
  t.test(asFiles ? 'out of the content directory' : 'over gRPC', async t => {
    const openStore = (t: Test) => openMaintained(t, asFiles)
    testHeld(t, openStore)
    testReaders(t, openStore)
    testUpkeep(t, openStore)
    if (asFiles) testDeletedWhileRead(t, openStore)
    testVerifying(t, asFiles)
  })
}

function testVerifying(t: Test, asFiles: boolean): void {
  async function hold(t: Test, bytes: number) {
    const { store, fake } = await open(t, { asFiles })
    const { content, digest } = makeBlob(bytes)
    await fake.put(digest, content)
    await eventually('listed', () => store.stat(digest) !== undefined)
    return { store, fake, content, digest }
  }

  t.test('what is damaged before it is first read is never given', async t => {
    const { store, fake, digest, content } = await hold(t, 2_000_000)
    await fake.damage(digest)
    const early = await store.openEarly?.(digest)
    t.equal(await early?.verified, false)
    await early?.reader.close()
    t.equal(store.stat(digest), undefined)
    t.equal(await store.open(digest), undefined)
    const before = lists(fake)
    fake.addImage('registry.lab/a:1', target(digest))
    await eventually('listed anew', () => lists(fake) > before + 1)
    t.equal(store.stat(digest), undefined, 'and is not listed again as it is')

    await fake.delete(digest)
    await fake.put(digest, content)
    await eventually('it came again', () => store.stat(digest) !== undefined)
    const reader = await store.open(digest)
    t.strictSame(reader && (await readAll(reader, content.length)), content)
    await reader?.close()
  })

  t.test('what was verified is not verified for every reader', async t => {
    const { store, digest } = await hold(t, 1_000)
    await (await store.open(digest))?.close()
    const again = await store.openEarly?.(digest)
    t.ok(again)
    t.equal(again?.verified, undefined)
    await again?.reader.close()
  })
}

const lists = (fake: FakeContainerd) => fake.calls.get('listContent') ?? 0
const target = (digest: Digest) => ({
  digest,
  mediaType: 'application/vnd.oci.image.manifest.v1+json',
  size: 2,
})

t.test('what goes while it is verified is gone, and not damaged', async t => {
  const { store, fake, hold } = await openHeld(t)
  const { content, digest } = await hold()
  const early = await store.openEarly?.(digest)
  t.equal(await early?.verified, false)
  await early?.reader.close()
  t.equal(store.stat(digest), undefined)
  await fake.put(digest, content) // containerd has it all the time, and says so with the next list
  fake.addImage('registry.lab/a:1', target(digest))
  await eventually('listed again', () => store.stat(digest) !== undefined)
})

/** A directory in which every file is touched while it is hashed. */
async function openHeld(t: Test) {
  const dir = await folderOf(t)
  const contentDir = join(dir, 'content')
  const fake = await startFakeContainerd({ socket: join(dir, 'c.sock'), contentDir })
  t.teardown(() => fake.stop())
  async function hold() {
    const blob = makeBlob(100)
    await fake.put(blob.digest, blob.content)
    await eventually('listed', () => store.stat(blob.digest) !== undefined)
    return blob
  }
  const touched = makeBlob(1)
  await fake.put(touched.digest, touched.content) // makes the directories
  const store = follow(t, fake.socket, {}, async path => {
    await chmod(path, 0o400)
    throw new Error('the worker failed')
  })
  await reaches(store, 'connected')
  return { store, fake, hold }
}

t.test('a blob that the directory does not show is asked for', async t => {
  const dir = await folderOf(t)
  const socket = join(dir, 'c.sock')
  const fake = await startFakeContainerd({ socket })
  t.teardown(() => fake.stop())
  const other = await startFakeContainerd({
    socket: join(dir, 'other.sock'),
    contentDir: join(dir, 'content'),
  })
  t.teardown(() => other.stop())
  const elsewhere = makeBlob(10)
  await other.put(elsewhere.digest, elsewhere.content) // makes the directories
  const store = follow(t, socket, { contentDir: join(dir, 'content') })
  const { content, digest } = makeBlob(100)
  await fake.put(digest, content)
  t.equal((await reaches(store, 'connected')).reads, 'directory')
  await eventually('listed', () => store.stat(digest) !== undefined)
  t.strictSame(await store.get(digest, 100), content)
  t.equal(
    store.stat(elsewhere.digest),
    undefined,
    'files that containerd does not list are nothing',
  )
})

t.test('a reader and the verification beside it do not spoil what the other asked for', async t => {
  const { store, fake } = await open(t, { asFiles: false })
  const { content, digest } = makeBlob(20_000_001)
  await fake.put(digest, content)
  await eventually('listed', () => store.stat(digest) !== undefined)
  const calls = () => fake.calls.get('readContent') ?? 0
  const before = calls()
  const early = await store.openEarly?.(digest)
  const got = Buffer.alloc(content.length)
  for (let at = 0; at < got.length; ) {
    at += (await early?.reader.read(got.subarray(at, at + 100_003), at)) ?? Number.NaN
  }
  t.ok(got.equals(content))
  t.equal(await early?.verified, true)
  await early?.reader.close()
  t.ok(calls() - before <= 1 + 5 + 5, `${calls() - before} calls`)
})

t.test('a large blob that is read in small pieces costs a few calls', async t => {
  const { store, fake } = await open(t, { asFiles: false })
  const { content, digest } = makeBlob(9_000_001)
  await fake.put(digest, content)
  await eventually('listed', () => store.stat(digest) !== undefined)
  const reader = await store.open(digest) // hashed by now
  const calls = () => fake.calls.get('readContent') ?? 0
  const before = calls()
  const got = Buffer.alloc(content.length)
  for (let at = 0; at < got.length; ) {
    at += (await reader?.read(got.subarray(at, at + 100_003), at)) ?? Number.NaN
  }
  t.ok(got.equals(content))
  t.ok(calls() - before <= 3, `${calls() - before} calls`)
  const piece = Buffer.alloc(10)
  await reader?.read(piece, 17)
  t.ok(piece.equals(content.subarray(17, 27)), 'and back again')
  await reader?.close()
})

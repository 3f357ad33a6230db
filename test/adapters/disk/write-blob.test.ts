import { existsSync } from 'node:fs'
import { mkdir, readFile } from 'node:fs/promises'
import t, { type Test } from 'tap'
import { createHasher } from '../../../src/adapters/disk/hasher.ts'
import { layoutOf } from '../../../src/adapters/disk/layout.ts'
import { createPartials } from '../../../src/adapters/disk/partials.ts'
import { putBlob } from '../../../src/adapters/disk/put-blob.ts'
import { createRoom } from '../../../src/adapters/disk/room.ts'
import { createSoundFiles } from '../../../src/adapters/disk/sound-files.ts'
import { createTurns } from '../../../src/adapters/disk/syncing.ts'
import { type WriteParts, writeBlob } from '../../../src/adapters/disk/write-blob.ts'
import { digestHex } from '../../../src/oci/digest.ts'
import { createBlobIndex } from '../../../src/ports/blob-index.ts'
import { HoldfastError } from '../../../src/ports/errors.ts'
import { silentLog } from '../../../src/ports/log.ts'
import { contentFrom } from './support.ts'

const { content, digest } = contentFrom(1, 2e6)

/** Real parts, but the syncs say in what state they found things, or fail. */
async function open(t: Test, failing?: 'file' | 'directory') {
  const layout = layoutOf(t.testdir())
  await mkdir(layout.partialDir)
  await mkdir(layout.blobDir('sha256'))
  const index = createBlobIndex(silentLog, [])
  const partials = createPartials([])
  const hasher = createHasher()
  t.teardown(() => hasher.close())
  const seen: string[] = []
  const sync = async (what: 'file' | 'directory') => {
    const named = existsSync(layout.blob(digest)) ? 'named' : 'unnamed'
    seen.push(`${what}: ${named}, ${index.get(digest) ? 'visible' : 'invisible'}`)
    if (what === failing) throw Object.assign(new Error('EIO'), { code: 'EIO', syscall: 'fsync' })
  }
  const parts: WriteParts = {
    layout,
    log: silentLog,
    index,
    partials,
    hasher,
    sound: createSoundFiles({ hasher, log: silentLog, memoryFile: layout.verifiedFile }),
    room: createRoom(
      { dir: layout.dir, usedBytes: () => partials.bytes, makeRoom: async () => false },
      { quotaBytes: 3e6, minFreeBytes: 0 },
    ),
    syncs: { file: () => sync('file'), directory: () => sync('directory') },
    inTurn: createTurns(),
  }
  return { parts, layout, index, partials, seen }
}

const inOrder = ['file: unnamed, invisible', 'directory: named, invisible']

t.test(
  'a blob gets its name when its bytes are durable, and is visible when its name is',
  async t => {
    const { parts, index, seen } = await open(t)
    const writer = await writeBlob(parts, digest, content.length)
    await writer.write(content)
    t.equal(await writer.verify?.(), true)
    t.strictSame(seen, [], 'a verdict does not wait for the disk')
    await writer.commit()
    await writer.release()
    t.strictSame(seen, inOrder)
    t.ok(index.get(digest))
  },
)

t.test('so does a small one', async t => {
  const { parts, seen } = await open(t)
  await putBlob(parts, digest, content)
  t.strictSame(seen, inOrder)
})

t.test('wrong bytes never get the name', async t => {
  const { parts, layout, seen } = await open(t)
  const writer = await writeBlob(parts, digest, content.length)
  await writer.write(Buffer.alloc(content.length))
  await t.rejects(writer.commit(), { code: 'wrong-digest' })
  await writer.release()
  t.strictSame(seen, [])
  t.notOk(existsSync(layout.blob(digest)))
})

t.test('an interrupted download is durable when suspend returns', async t => {
  const { parts, layout, seen, partials } = await open(t)
  const writer = await writeBlob(parts, digest, content.length)
  await writer.write(content.subarray(0, 1e6))
  await writer.suspend()
  await writer.release()
  t.strictSame(seen, ['file: unnamed, invisible'])
  t.equal(partials.size(digest), 1e6)
  t.strictSame(await readFile(layout.partial(digest)), content.subarray(0, 1e6))
})

t.test(
  'what an earlier download left is hashed from the first moment, and let go on every ending',
  async t => {
    const { parts } = await open(t)
    const told: string[] = []
    const running = {
      advance: (size: number) => void told.push(`advance ${size}`),
      finish: () => Promise.resolve(digestHex(digest)),
      stop: () => void told.push('stop'),
    }
    const stubbed = { ...parts, hasher: { follow: () => running, close: async () => {} } }
    const first = await writeBlob(stubbed, digest, content.length)
    await first.write(content.subarray(0, 1_500_000))
    await first.suspend()
    await first.release()
    t.equal(told.at(-1), 'stop')
    told.length = 0
    const second = await writeBlob(stubbed, digest, content.length)
    t.strictSame(told, ['advance 1500000'])
    await second.discard()
    await second.release()
    t.strictSame(told, ['advance 1500000', 'stop'])
  },
)

t.test('bytes that could not be made durable are not kept, in whichever ending', async t => {
  for (const ending of ['commit', 'suspend'] as const) {
    const { parts, layout, index, partials } = await open(t, 'file')
    const writer = await writeBlob(parts, digest, content.length)
    await writer.write(content)
    if (ending === 'commit') await t.rejects(writer.commit(), { code: 'store-unusable' })
    else await writer.suspend()
    await writer.release()
    t.equal(partials.bytes, 0)
    t.notOk(existsSync(layout.partial(digest)))
    t.equal(index.count, 0)
    const again = await writeBlob(parts, digest, content.length)
    t.equal(again.offset, 0, 'the digest is free, and so is its room')
    await again.discard()
    await again.release()
  }
})

t.test('a name that could not be made durable is not shown', async t => {
  const { parts, index } = await open(t, 'directory')
  const writer = await writeBlob(parts, digest, content.length)
  await writer.write(content)
  await t.rejects(writer.commit(), { code: 'store-unusable' })
  await writer.release()
  t.equal(index.count, 0)
  await t.rejects(putBlob(parts, digest, content), HoldfastError)
  t.equal(index.count, 0)
})

import { existsSync } from 'node:fs'
import { appendFile, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import type { DiskStore } from '../../../src/adapters/disk/open-disk-store.ts'
import { type Digest, parseDigest } from '../../../src/oci/digest.ts'
import { canMount, openDisk } from '../../support/mount.ts'
import { contentFrom, openStore } from './support.ts'

const fast = { bytesPerSecond: 2 ** 40, signal: new AbortController().signal }

async function listDamaged(store: DiskStore): Promise<readonly Digest[]> {
  const damaged: Digest[] = []
  for (const { digest } of [...store.list()]) {
    if ((await store.reverify(digest, fast)) !== 'sound') damaged.push(digest)
  }
  return damaged
}

if (canMount) {
  t.test('a power cut takes nothing that was acknowledged and leaves nothing torn', async t => {
    const { disk, cutPower } = await openDisk(t)
    const store = await openStore(t, join(disk, 'blobs'))
    const [small, large, half, running] = [1, 2, 3, 4].map(seed => contentFrom(seed, 4e6))
    if (!small || !large || !half || !running) throw new Error('unreachable')
    await store.put(small.digest, small.content)
    const writer = await store.write(large.digest, 4e6)
    await writer.write(large.content)
    await writer.commit()
    const interrupted = await store.write(half.digest, 4e6)
    await interrupted.write(half.content.subarray(0, 3e6))
    await interrupted.suspend()
    const unfinished = await store.write(running.digest, 4e6)
    await unfinished.write(running.content.subarray(0, 3e6))
    await appendFile(join(disk, 'unsynced'), 'x'.repeat(10_000))

    const left = await cutPower()
    t.not(
      existsSync(join(left, 'unsynced')) && (await readFile(join(left, 'unsynced'))).length,
      10_000,
      'the cut did take what was not synced',
    )
    const after = await openStore(t, join(left, 'blobs'))
    t.strictSame(
      [...after.list()].map(({ digest }) => digest).sort(),
      [small.digest, large.digest].sort(),
    )
    t.strictSame(await listDamaged(after), [])
    t.equal(after.partial(half.digest), 3e6, 'what was suspended is kept')
    const rest = await after.write(half.digest, 4e6)
    await rest.write(half.content.subarray(3e6))
    await rest.commit()
    await rest.release()
    await fetchAsNeeded(after, running)
    t.ok(after.stat(running.digest), 'what was running is had again, whatever was left of it')

    await Promise.all([writer, interrupted, unfinished].map(one => one.release()))
  })

  t.test('a power cut at every sync of a commit leaves the blob whole or absent', async t => {
    const { disk, cutPower } = await openDisk(t)
    const store = await openStore(t, join(disk, 'blobs'))
    const outcomes = new Set<string>()
    for (let round = 0; round < 6; round++) {
      const { content, digest } = contentFrom(10 + round, 1.5e6)
      const writer = await store.write(digest, 1.5e6)
      await writer.write(content)
      const committing = round < 5 ? writer.commit() : undefined
      for (let turn = 0; turn < round * 3; turn++) await new Promise(setImmediate)
      const left = await cutPower()
      const after = await openStore(t, join(left, 'blobs'))
      t.strictSame(await listDamaged(after), [], `round ${round}`)
      outcomes.add(after.stat(digest) ? 'whole' : 'absent')
      await fetchAsNeeded(after, { content, digest })
      t.ok(after.stat(digest))
      await (committing ?? writer.discard())
      await writer.release()
    }
    t.comment(`found ${[...outcomes].join(' and ')}`)
    t.ok(outcomes.has('absent'), 'the cut did come before the end')
  })
} else {
  t.comment('no right to mount a disk: only write-blob.test.ts holds the order of the syncs')
  t.ok(parseDigest(contentFrom(1, 1).digest))
}

/** As a download does: continues what is there, and when that was wrong fetches the whole. */
async function fetchAsNeeded(
  store: DiskStore,
  { content, digest }: { readonly content: Buffer; readonly digest: Digest },
): Promise<void> {
  for (let attempt = 0; attempt < 2 && store.stat(digest) === undefined; attempt++) {
    const writer = await store.write(digest, content.length)
    await writer.write(content.subarray(writer.offset))
    await writer.commit().catch(error => {
      if (error.code !== 'wrong-digest') throw error
    })
    await writer.release()
  }
}

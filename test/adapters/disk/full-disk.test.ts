import { mkdir, rm, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { canMount, mount } from '../../support/mount.ts'
import { contentFrom, filesIn, openStore, partialPath } from './support.ts'

const noSpace = { code: 'store-full', cause: { code: 'ENOSPC' } }

t.test('a disk that is full in the middle of a download fails it cleanly', async t => {
  const dir = t.testdir({ partial: {} })
  const store = await openStore(t, dir)
  const { content, digest } = contentFrom(1, 3e6)
  await symlink('/dev/full', partialPath(dir, digest)) // every write to it is ENOSPC, for anybody
  const writer = await store.write(digest, 3e6)
  await t.rejects(writer.write(content.subarray(0, 1e6)), noSpace)
  await t.rejects(writer.write(content.subarray(1e6)), noSpace, 'and stays failed')
  t.equal(writer.offset, 0)
  await t.rejects(writer.commit(), noSpace)
  await writer.release()
  t.strictSame(await filesIn(dir), [])
  t.equal((await store.usage()).partialBytes, 0)

  const again = await store.write(digest, 3e6)
  await again.write(content)
  await again.commit()
  await again.release()
  t.ok(store.stat(digest), 'it recovers')
})

if (canMount) {
  t.test('a real small disk', async t => {
    const dir = await mount(t, ['-t', 'tmpfs', '-o', 'size=8m,nr_inodes=40', 'tmpfs'])
    const blobs = join(dir, 'blobs')
    const filler = join(dir, 'filler')
    await mkdir(blobs)

    t.test('keeps what came before it was full, and goes on when there is room', async t => {
      const store = await openStore(t, blobs)
      const { content, digest } = contentFrom(2, 5e6)
      const writer = await store.write(digest, 5e6)
      await writer.write(content.subarray(0, 2e6))
      await t.rejects(writeFile(filler, Buffer.alloc(8 * 2 ** 20)), { code: 'ENOSPC' })
      await t.rejects(writer.write(content.subarray(2e6)), noSpace, 'the fault fired')
      t.equal(writer.offset, 2e6)
      t.equal(await writer.read(Buffer.alloc(10), 2e6), 0, 'half a write is not shown')
      const small = contentFrom(3, 5000)
      await t.rejects(store.put(small.digest, small.content), { code: 'store-full' })
      await writer.suspend()
      await writer.release()
      t.strictSame(await filesIn(blobs), [digest.replace(':', '-')])
      await rm(filler)

      const after = await openStore(t, blobs)
      t.equal(after.partial(digest), 2e6, 'not one torn byte more')
      const rest = await after.write(digest, 5e6)
      await rest.write(content.subarray(2e6))
      await rest.commit()
      await rest.release()
      t.ok(after.stat(digest))
      await after.delete(digest)
    })

    t.test('refuses at once what cannot fit, before a byte was fetched', async t => {
      const store = await openStore(t, blobs)
      const { digest } = contentFrom(4, 1)
      await t.rejects(store.write(digest, 9e6), { code: 'store-full' })
      t.strictSame(
        (await filesIn(blobs)).filter(name => name !== 'verified'),
        [],
      )
    })

    t.test('without a free inode fails cleanly', async t => {
      const store = await openStore(t, blobs)
      const fillers: string[] = []
      const fill = async () => {
        for (let i = 0; i < 100; i++) {
          const path = join(dir, `filler-${i}`)
          await writeFile(path, '')
          fillers.push(path)
        }
      }
      await t.rejects(fill(), { code: 'ENOSPC' })
      const { content, digest } = contentFrom(5, 100)
      await t.rejects(store.put(digest, content), noSpace)
      await t.rejects(store.write(digest, 100), noSpace)
      for (const path of fillers) await rm(path)
      await store.put(digest, content)
      t.ok(store.stat(digest), 'it recovers')
    })
  })
} else {
  t.comment('no right to mount a small disk: ENOSPC was tested with /dev/full alone')
}

import { appendFile, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { blobPath, contentFrom, openStore } from './support.ts'

t.test('quarantine keeps the last eight and goes first when room is needed', async t => {
  const dir = t.testdir()
  const quarantined = () => readdir(join(dir, 'quarantine'))
  const asked: number[] = []
  const store = await openStore(t, dir, {
    quotaBytes: 20_000,
    makeRoom: async bytes => {
      asked.push(bytes)
      return false
    },
  })
  const blobs = Array.from({ length: 10 }, (_, seed) => contentFrom(seed, 1000))
  for (const { content, digest } of blobs) {
    await store.put(digest, content)
    await appendFile(blobPath(dir, digest), '!')
    t.equal(await store.open(digest), undefined)
  }
  const last = blobs.slice(2).map(({ digest }) => digest.replace(':', '-'))
  t.strictSame(new Set(await quarantined()), new Set(last))

  const again = await openStore(t, dir, { quotaBytes: 20_000 })
  t.equal((await quarantined()).length, 8, 'it survives a restart')
  const large = contentFrom(99, 15_000)
  await again.put(large.digest, large.content)
  t.strictSame(await quarantined(), [])
  t.strictSame(asked, [], 'before anything of use')
})

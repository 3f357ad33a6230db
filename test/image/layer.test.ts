import { createHash } from 'node:crypto'
import { gunzipSync } from 'node:zlib'
import t from 'tap'
import { extract, type Header } from 'tar-stream'
import { directory, type Entry, file, symlink } from '../../image/entry.ts'
import { makeLayer } from '../../image/layer.ts'

const options = { madeOf: 'a test', timeS: 1_700_000_000 }

/** Headers of a layer's entries, in order, and its bytes. */
async function read(tar: Buffer): Promise<readonly (Header & { text: string })[]> {
  const found: (Header & { text: string })[] = []
  const reading = extract()
  reading.end(tar)
  for await (const entry of reading) {
    const chunks: Buffer[] = []
    for await (const chunk of entry) chunks.push(chunk as Buffer)
    found.push({ ...entry.header, text: Buffer.concat(chunks).toString() })
  }
  return found
}

t.test('a layer is all of its entries, and its diff ID is the digest of their tar', async t => {
  const large = Buffer.alloc(3_000_000, 'holdfast')
  const { bytes, diffId } = await makeLayer(
    [file('b/file', 'one'), symlink('a', 'b'), file('c', large)],
    options,
  )
  const tar = gunzipSync(bytes)
  t.equal(diffId, `sha256:${createHash('sha256').update(tar).digest('hex')}`)
  const entries = await read(tar)
  t.same(
    entries.map(({ name, type }) => `${type} ${name}`),
    ['symlink a', 'directory b', 'file b/file', 'file c'],
  )
  t.equal(entries[3]?.text, large.toString())
  t.equal(entries[0]?.linkname, 'b')
})

t.test('whoever makes it, it is dated and owned as it was said', async t => {
  const own = directory('data', { mode: 0o700, owner: 65532 })
  const { bytes } = await makeLayer([own, file('etc/passwd', '')], options)
  const entries = await read(gunzipSync(bytes))
  for (const { mtime } of entries) t.same(mtime, new Date(1_700_000_000_000))
  t.same(
    entries.map(({ name, uid, gid, mode }) => [name, uid, gid, mode]),
    [
      ['data', 65532, 65532, 0o700],
      ['etc', 0, 0, 0o755],
      ['etc/passwd', 0, 0, 0o644],
    ],
  )
})

t.test('equal entries are equal bytes, in whatever order they are given', async t => {
  const entries: readonly Entry[] = [file('a', '1'), file('b/c', '2'), directory('b')]
  const one = await makeLayer(entries, options)
  const two = await makeLayer([...entries].reverse(), options)
  t.ok(one.bytes.equals(two.bytes))
  const other = await makeLayer([...entries, file('d', '')], options)
  t.not(one.diffId, other.diffId)
})

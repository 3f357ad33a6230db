import { constants, createZstdCompress, gzipSync, zstdCompressSync } from 'node:zlib'
import t from 'tap'
import { digestOf } from '../../src/oci/digest.ts'
import type { RefusalCode } from '../../src/ports/archive.ts'
import { blob, jsonBlob, type TestBlob } from '../support/blob.ts'
import { makeImage, makeSingleImage } from '../support/image.ts'
import { processorMs } from '../support/processor-time.ts'
import { type TarEntry, tar } from '../support/tar.ts'
import { blobPath, createImporting, fullName, layoutOf, readFixture, savedOf } from './support.ts'

const image = makeImage({ platforms: ['linux/amd64'] })
const single = image.for('linux/amd64')
const named = { image, annotations: fullName('docker.io/lab/bb:v1') }
const entries = layoutOf([named])
const plain = tar(entries)
const docker = makeSingleImage({ flavour: 'docker' })
const saved = savedOf([{ image: docker, tags: ['lab/saved'] }])
const block = 512

/** The entries with one changed. */
const changed = (name: string, change: (entry: TarEntry) => TarEntry | readonly TarEntry[]) =>
  entries.flatMap(entry => (entry.name === name ? change(entry) : entry))

const withData = (name: string, data: string | Buffer) => tar(changed(name, e => ({ ...e, data })))

/** The archive with an index of these descriptors, and these blobs beside those of the image. */
function indexing(descriptors: readonly object[], blobs: readonly TestBlob[] = []): Buffer {
  const index = JSON.stringify({ schemaVersion: 2, manifests: descriptors })
  return tar([
    ...changed('index.json', e => ({ ...e, data: index })),
    ...blobs.map(({ digest, bytes }) => ({ name: blobPath(digest), data: bytes })),
  ])
}

const describe = ({ mediaType, digest, size }: TestBlob, name = 'docker.io/lab/bb:v1') => {
  return { mediaType, digest, size, annotations: fullName(name) }
}

/** A header with its checksum put right after a change. */
function header(name: string, change: (header: Buffer) => void, type = '0'): Buffer {
  const bytes = Buffer.from(tar([{ name }]).subarray(0, block))
  bytes.write(type, 156)
  change(bytes)
  bytes.fill(' ', 148, 156)
  bytes.write(
    `${bytes
      .reduce((sum, byte) => sum + byte, 0)
      .toString(8)
      .padStart(6, '0')}\0 `,
    148,
  )
  return bytes
}

/** Blocks before the archive itself. */
const before = (...blocks: readonly Buffer[]) => Buffer.concat([...blocks, plain])

const size = (text: string) => (bytes: Buffer) => void bytes.write(text.padStart(11, '0'), 124)

/** A pax header with these records, before a file of no bytes. */
function pax(records: Readonly<Record<string, string>>): Buffer {
  const data = Object.entries(records)
    .map(([key, value]) => {
      const text = ` ${key}=${value}\n`
      const length = text.length + String(text.length + 3).length
      return `${length}${text}`
    })
    .join('')
  const padded = Buffer.alloc(Math.ceil(data.length / block) * block)
  padded.write(data)
  const head = header('pax', size(data.length.toString(8)), 'x')
  return Buffer.concat([head, padded, header('file', () => {})])
}

const manifest = (fields: object) => {
  const made = jsonBlob(single.mediaType, {
    schemaVersion: 2,
    mediaType: single.mediaType,
    config: {
      mediaType: single.config.mediaType,
      digest: single.config.digest,
      size: single.config.size,
    },
    layers: [],
    ...fields,
  })
  return indexing([describe(made)], [made])
}

const nested = (levels: number): Buffer => {
  const blobs: TestBlob[] = [single]
  for (let level = 0; level < levels; level++) {
    const { mediaType, digest, size: bytes } = blobs.at(-1) ?? single
    const manifests = [{ mediaType, digest, size: bytes }]
    blobs.push(
      jsonBlob(image.mediaType, { schemaVersion: 2, mediaType: image.mediaType, manifests }),
    )
  }
  return indexing([describe(blobs.at(-1) ?? single)], blobs.slice(1))
}

const savedWith = (
  change: (list: { Config: string; Layers: string[]; RepoTags: unknown }[]) => unknown,
) =>
  tar(
    saved.map(entry =>
      entry.name === 'manifest.json'
        ? { ...entry, data: JSON.stringify(change(JSON.parse(String(entry.data)))) }
        : entry,
    ),
  )

const longWindow = async (): Promise<Buffer> => {
  const stream = createZstdCompress({ params: { [constants.ZSTD_c_windowLog]: 28 } })
  stream.end(plain)
  const chunks: Buffer[] = []
  for await (const chunk of stream) chunks.push(chunk)
  return Buffer.concat(chunks)
}

/** What is brought, and why it is refused. */
const cases: readonly (readonly [
  what: string,
  code: RefusalCode,
  bytes: Buffer | (() => Promise<Buffer>),
])[] = [
  ['nothing at all', 'no-image', Buffer.alloc(0)],
  ['a text', 'tar', Buffer.from('I am a text. '.repeat(100))],
  ['a few bytes', 'tar', Buffer.from('ab')],
  ['nothing but zeros', 'no-image', Buffer.alloc(10_240)],
  ['a tar without an image', 'no-image', tar([{ name: 'readme', data: 'hello' }])],
  ['a gzip stream that is cut short', 'compression', gzipSync(plain).subarray(0, -20)],
  ['a gzip stream with a wrong checksum', 'compression', flip(gzipSync(plain), -6)],
  ['a gzip head and no more', 'compression', gzipSync(plain).subarray(0, 10)],
  ['a zstd stream that is cut short', 'compression', zstdCompressSync(plain).subarray(0, -5)],
  [
    'a broken zstd stream',
    'compression',
    Buffer.concat([zstdCompressSync(plain).subarray(0, 20), Buffer.alloc(1000, 0xff)]),
  ],
  [
    'rubbish after a zstd frame',
    'compression',
    Buffer.concat([zstdCompressSync(plain), Buffer.from('rubbish!')]),
  ],
  ['a zstd window of 256 MiB', 'compression', longWindow],
  [
    'a bzip2 stream that is cut short',
    'compression',
    readFixture('image.tar.bz2').subarray(0, -20),
  ],
  ['a broken bzip2 stream', 'compression', flip(readFixture('image.tar.bz2'), 1000)],
  ['a bzip2 head and no more', 'no-image', Buffer.from('BZh9')],
  [
    'an lz4 stream that is cut short',
    'compression',
    readFixture('two-frames.tar.lz4').subarray(0, -20),
  ],
  ['an lz4 frame of an unknown version', 'compression', Buffer.from('04224d18ff7000ff', 'hex')],
  [
    'an lz4 block that reaches before its beginning',
    'compression',
    Buffer.from('04224d186040820500000004610000ff00000000', 'hex'),
  ],
  ['a tar in the middle of an entry', 'tar', plain.subarray(0, plain.length - 2 * block - 100)],
  ['a header with a wrong checksum', 'tar', flip(plain, 150)],
  ['a header that is rubbish', 'tar', before(Buffer.alloc(block, 7))],
  [
    'a negative size',
    'tar',
    before(header('x', bytes => bytes.fill(0xff, 124, 135).fill(1, 135, 136))),
  ],
  [
    'a size beyond all numbers',
    'tar',
    before(header('x', bytes => bytes.fill(0x7f, 125, 136).fill(0x80, 124, 125))),
  ],
  [
    'a size that is no number',
    'tar',
    before(header('x', bytes => void bytes.write('zzzzzzzzzzz', 124))),
  ],
  [
    'more bytes claimed than there are',
    'tar',
    Buffer.concat([plain.subarray(0, -2 * block), header('x', size('77777777777'))]),
  ],
  ['a long name of 8 GiB', 'tar', before(header('x', size('77777777777'), 'L'))],
  ['a pax header of 8 GiB', 'tar', before(header('x', size('77777777777'), 'x'))],
  ['a pax size that is no number', 'tar', before(pax({ size: 'many' }))],
  ['a sparse file of GNU tar', 'entry', before(header('x', () => {}, 'S'))],
  ['a sparse file by pax', 'entry', before(pax({ 'GNU.sparse.major': '1' }))],
  ['a character device', 'entry', before(header('dev/null', () => {}, '3'))],
  ['a block device', 'entry', before(header('dev/sda', () => {}, '4'))],
  ['a pipe', 'entry', before(header('pipe', () => {}, '6'))],
  ['an entry of an unknown kind', 'entry', before(header('x', () => {}, 'Z'))],
  ['a path that leads out', 'path', tar([...entries, { name: '../../etc/cron.d/x', data: 'x' }])],
  [
    'a path that leads out on the way',
    'path',
    tar([...entries, { name: 'blobs/../../x', data: 'x' }]),
  ],
  ['a path from the root', 'path', tar([...entries, { name: '/etc/passwd', data: 'x' }])],
  ['a path with backslashes', 'path', tar([...entries, { name: '..\\..\\x', data: 'x' }])],
  ['a path with a control character', 'path', tar([...entries, { name: 'a\nb', data: 'x' }])],
  ['a path by pax that leads out', 'path', before(pax({ path: '../x' }))],
  ['a path of 300 characters', 'path', before(pax({ path: 'x'.repeat(300) }))],
  [
    'a blob whose name is no digest',
    'path',
    tar([...entries, { name: 'blobs/sha256/abc', data: 'x' }]),
  ],
  [
    'a blob by another algorithm',
    'path',
    tar([...entries, { name: `blobs/md5/${'0'.repeat(32)}`, data: 'x' }]),
  ],
  [
    'a link that leads out',
    'link',
    tar([...entries, { name: 'x', type: 'symlink', target: '../../etc/passwd' }]),
  ],
  [
    'a link to the root',
    'link',
    tar([...entries, { name: 'x', type: 'symlink', target: '/etc/passwd' }]),
  ],
  [
    'a hard link that leads out',
    'link',
    tar([...entries, { name: 'x', type: 'hardlink', target: '../x' }]),
  ],
  ['one name twice', 'duplicate', tar([...entries, ...entries.slice(-1)])],
  [
    'one name in two spellings',
    'duplicate',
    tar([...entries, { name: './/index.json', data: '{}' }]),
  ],
  [
    'a file and a link of one name',
    'duplicate',
    tar([...entries, { name: 'index.json', type: 'symlink', target: 'x' }]),
  ],
  ['an index of 5 MiB', 'too-large', withData('index.json', Buffer.alloc(5 * 2 ** 20, 32))],
  [
    '70 000 entries',
    'too-large',
    Buffer.concat([
      ...Array.from({ length: 70_000 }, (_, i) => header(`${i}/`, () => {}, '5')),
      plain,
    ]),
  ],
  [
    'a bomb of gzip',
    'bomb',
    async () => gzipSync(tar([{ name: 'x', data: Buffer.alloc(300 * 2 ** 20) }])),
  ],
  [
    'a blob that is not what its name says',
    'digest',
    withData(blobPath(single.config.digest), 'other bytes'),
  ],
  ['an index that is no JSON', 'manifest', withData('index.json', '{')],
  [
    'an index that says a key twice',
    'manifest',
    withData('index.json', '{"manifests":[],"manifests":[]}'),
  ],
  [
    'an index with a look-alike of a key',
    'manifest',
    withData('index.json', '{"schemaVersion":2,"Manifests":[]}'),
  ],
  ['an index nested without bound', 'manifest', withData('index.json', '['.repeat(100_000))],
  [
    'an index that is not UTF-8',
    'manifest',
    withData('index.json', Buffer.from([0x7b, 0xff, 0x7d])),
  ],
  [
    'an index that lists nothing',
    'no-image',
    withData('index.json', '{"schemaVersion":2,"manifests":[]}'),
  ],
  [
    'an index that lists no image',
    'manifest',
    indexing([{ ...describe(single), mediaType: 'text/plain' }]),
  ],
  [
    'an index with a wrong size',
    'manifest',
    indexing([{ ...describe(image), size: image.size + 1 }]),
  ],
  ['an index with a size below zero', 'manifest', indexing([{ ...describe(image), size: -1 }])],
  [
    'an index that lists what is not there',
    'missing',
    indexing([describe(blob(single.mediaType, Buffer.from('gone')))]),
  ],
  [
    'a layout of another version',
    'manifest',
    withData('oci-layout', '{"imageLayoutVersion":"2.0.0"}'),
  ],
  [
    'a layout without a version',
    'manifest',
    withData('oci-layout', '{"__proto__":{"imageLayoutVersion":"1.0.0"}}'),
  ],
  [
    'a layout without an index',
    'no-image',
    tar(entries.filter(({ name }) => name !== 'index.json')),
  ],
  ['an image of Docker schema 1', 'manifest', manifest({ schemaVersion: 1 })],
  [
    'a manifest of another type than the index says',
    'manifest',
    indexing([{ ...describe(image), mediaType: single.mediaType }]),
  ],
  [
    'a manifest whose config has another size',
    'manifest',
    manifest({ config: { ...describe(single.config), size: 1 } }),
  ],
  [
    'a manifest whose layer is missing',
    'missing',
    manifest({ layers: [describe(blob('application/x', Buffer.from('gone')))] }),
  ],
  ['an index in an index in an index', 'manifest', nested(5)],
  ['a name in capitals', 'name', indexing([describe(image, 'docker.io/Lab/BB:v1')])],
  ['a name with a tag that is none', 'name', indexing([describe(image, 'docker.io/lab/bb:-')])],
  ['no full name', 'no-name', tar(layoutOf([{ image }]))],
  [
    'a tag and no more',
    'no-name',
    tar(layoutOf([{ image, annotations: { 'org.opencontainers.image.ref.name': 'v1' } }])),
  ],
  [
    'one name for two images',
    'duplicate',
    tar(layoutOf([named, { image: makeImage({ salt: 'two' }), annotations: named.annotations }])),
  ],
  ['a docker archive whose list is none', 'manifest', savedWith(() => ({}))],
  ['a docker archive of nothing', 'no-image', savedWith(() => [])],
  [
    'a docker archive that names a file outside',
    'missing',
    savedWith(([one]) => [{ ...one, Config: '../../etc/passwd' }]),
  ],
  [
    'a docker archive with a layer too few',
    'manifest',
    savedWith(([one]) => [{ ...one, Layers: [] }]),
  ],
  [
    'a docker archive with layers exchanged',
    'digest',
    savedWith(([one]) => [{ ...one, Layers: [one?.Config] }]),
  ],
  [
    'a docker archive with a tag that is none',
    'name',
    savedWith(([one]) => [{ ...one, RepoTags: ['../x'] }]),
  ],
  [
    'a docker archive whose links go in circles',
    'link',
    tar([
      ...saved.filter(({ name }) => name !== 'manifest.json'),
      { name: 'manifest.json', data: '[{"Config":"a","RepoTags":["x"],"Layers":[]}]' },
      { name: 'a', type: 'symlink', target: 'b' },
      { name: 'b', type: 'symlink', target: 'a' },
    ]),
  ],
  [
    'a docker archive whose config is a layer',
    'manifest',
    savedWith(([one]) => [{ ...one, Config: one?.Layers[0] }]),
  ],
]

function flip(bytes: Buffer, at: number): Buffer {
  const copy = Buffer.from(bytes)
  const index = at < 0 ? copy.length + at : at
  copy[index] = ~(copy[index] ?? 0)
  return copy
}

t.test('there are enough of them', async t => {
  t.ok(cases.length >= 80, `${cases.length} cases`)
})

for (const [what, code, bytes] of cases) {
  t.test(`${what} is refused, and nothing of it stays`, async t => {
    const node = await createImporting()
    const kept = Buffer.from('kept from before')
    await node.store.put(digestOf(kept), kept)
    const archive = typeof bytes === 'function' ? await bytes() : bytes
    const beganMs = processorMs()
    await t.rejects(node.import(archive), { name: 'ArchiveRefusal', code })
    t.ok(processorMs() - beganMs < 10_000)
    t.strictSame(node.digests(), [digestOf(kept)])
    t.strictSame(node.ledger.list({ limit: 10 }), [])
    t.equal(node.held.size, 0)
  })
}

import { buffer } from 'node:stream/consumers'
import t, { type Test } from 'tap'
import { openTar } from '../../src/adapters/tar/read-tar.ts'
import { packTar } from '../../src/adapters/tar/write-tar.ts'
import { bundleNotePath, bundlesUpTo } from '../../src/archive/bundle-note.ts'
import { createExportImages } from '../../src/archive/export-images.ts'
import { createImportArchive } from '../../src/archive/import-archive.ts'
import { type ExportOptions, NotHere } from '../../src/archive/plan-export.ts'
import { parseReference, type TagReference } from '../../src/oci/reference.ts'
import { makeDirectory, openIn } from '../adapters/sqlite/support.ts'
import { makeImage, makeReferrer, type TestImage } from '../support/image.ts'
import { tar } from '../support/tar.ts'
import { createImporting, fullName, layoutOf, type Named, piecesOf } from './support.ts'

const key = (text: string): TagReference => {
  const { registry, repository, tag = 'latest' } = parseReference(text)
  return { registry, repository, tag }
}

/** A node that carries images in and out, on a ledger that signs. */
async function open(t: Test) {
  const node = await createImporting()
  const { ledger, records, replication } = await openIn(t, await makeDirectory(t))
  const { store, graph } = node
  const importArchive = createImportArchive({
    openArchive: openTar,
    store,
    held: node.held,
    ledger,
    applyRecords: records.apply,
    learn: graph.learn,
    learnConfig: () => {},
    addSighting: graph.addSighting,
    isWanted: () => false,
    isComplete: () => true,
    isServed: () => true,
  })
  const exportImages = createExportImages({
    store,
    ledger,
    manifest: graph.manifest,
    describe: graph.describe,
    referrers: graph.referrers,
    signedWords: replication.signedWords,
    removedPins: replication.removedPins,
    protect: () => {},
    pack: packTar,
  })
  const bringStream = (bytes: AsyncIterable<Uint8Array>) =>
    importArchive(bytes, { signal: new AbortController().signal })
  const bring = (bytes: Buffer) => bringStream(piecesOf(bytes))
  return {
    ledger,
    replication,
    store,
    digests: node.digests,
    bring,
    bringStream,
    bringImages: (named: readonly Named[]) => bring(tar(layoutOf(named))),
    plan: (references: readonly string[], more: Partial<ExportOptions> = {}) =>
      exportImages({
        references: references.map(parseReference),
        pinned: false,
        platforms: undefined,
        referrers: false,
        earlier: [],
        ...more,
      }),
    async pack(references: readonly string[], more: Partial<ExportOptions> = {}) {
      return buffer(this.plan(references, more).bytes)
    },
  }
}

const named = (image: TestImage, name: string): Named => ({ image, annotations: fullName(name) })

/** The files of a bundle. */
async function unpack(bundle: Buffer) {
  const files: { readonly name: string; readonly data: Buffer }[] = []
  for await (const { name, content } of openTar(piecesOf(bundle))) {
    files.push({ name, data: await buffer(content) })
  }
  return files
}

/** What a bundle says of itself, as the next one is told of it. */
async function upTo(bundle: Buffer, name: string) {
  const note = (await unpack(bundle)).find(file => file.name === bundleNotePath)
  return bundlesUpTo(note?.data ?? Buffer.alloc(0), name)
}

/** The digests of the blobs in a bundle, in order. */
async function blobsIn(bundle: Buffer): Promise<readonly string[]> {
  const blobs = (await unpack(bundle)).filter(({ name }) => name.startsWith('blobs/'))
  return blobs.map(({ name }) => name.slice('blobs/'.length).replace('/', ':')).sort()
}

const shared = { layers: [5_000, 40_000], platforms: ['linux/amd64'] }
const [one, two, three] = ['one', 'two', 'three'].map(salt => makeImage({ ...shared, salt })) as [
  TestImage,
  TestImage,
  TestImage,
]

t.test(
  'a differential bundle holds what the earlier ones do not, and goes on with a third',
  async t => {
    const [from, to] = [await open(t), await open(t)]
    await from.bringImages([named(one, 'lab/a:v1')])
    const base = await from.pack(['lab/a:v1'])
    await from.bringImages([named(two, 'lab/a:v1'), named(one, 'lab/old:v1')])
    const earlier = await upTo(base, 'base.tar.zst')
    const monday = await from.pack(['lab/a:v1', 'lab/old:v1'], { earlier })
    t.strictSame(await blobsIn(monday), [...two.blobs.keys()].sort())
    await from.bringImages([named(three, 'lab/new:v1')])
    const chain = await upTo(monday, 'monday.tar.zst')
    const all = ['lab/a:v1', 'lab/old:v1', 'lab/new:v1']
    const tuesday = await from.pack(all, { earlier: chain })
    t.strictSame(await blobsIn(tuesday), [...three.blobs.keys()].sort())
    const { summary } = from.plan(all, { earlier: chain })
    const sizes = [...three.blobs.values()].reduce((sum, { length }) => sum + length, 0)
    t.match(summary, { images: 3, blobs: three.blobs.size, bytes: sizes })
    t.equal(summary.leftOut.blobs, one.blobs.size + two.blobs.size)

    await t.rejects(to.bring(tuesday), {
      code: 'no-base',
      message: /import "base.tar.zst" \(sha256:.*\), then "monday.tar.zst" \(sha256:.*\) first/,
    })
    t.strictSame(to.digests(), [], 'nothing of it stays')
    await to.bring(base)
    await t.rejects(to.bring(tuesday), {
      message: /import "monday.tar.zst" \(sha256:[^,]*\) first/,
    })
    await to.bring(monday)
    t.equal(to.ledger.live(key('lab/a:v1'))?.digest, two.digest)
    const { images } = await to.bring(tuesday)
    t.equal(images.length, 3)
    t.equal(to.ledger.live(key('lab/new:v1'))?.digest, three.digest)
    const { stamp } = from.ledger.live(key('lab/new:v1')) ?? {}
    t.strictSame(to.ledger.live(key('lab/new:v1'))?.stamp, stamp, 'as it was')
  },
)

t.test('what a bundle lacks is told before the rest of it is read', async t => {
  const [from, to] = [await open(t), await open(t)]
  await from.bringImages([named(one, 'lab/a:v1')])
  const earlier = await upTo(await from.pack(['lab/a:v1']), 'base.tar.zst')
  const big = makeImage({ platforms: ['linux/amd64'], layers: [3_000_000], salt: 'big' })
  await from.bringImages([named(big, 'lab/b:v1')])
  const bundle = await from.pack(['lab/a:v1', 'lab/b:v1'], { earlier })
  let read = 0
  async function* counted() {
    for await (const piece of piecesOf(bundle)) {
      read += piece.length
      yield piece
    }
  }
  const taking = to.bringStream(counted())
  await t.rejects(taking, { code: 'no-base' })
  t.ok(read < bundle.length / 2, `${read} of ${bundle.length} bytes`)
})

t.test('equal questions get equal bytes, in whatever order they are asked', async t => {
  const node = await open(t)
  await node.bringImages([named(one, 'lab/a:v1'), named(two, 'lab/b:v1')])
  const signatures = ['x', 'y'].map(payload => makeReferrer({ subject: one, payload }))
  await node.bringImages([named(one, 'lab/a:v1'), ...signatures.map(image => ({ image }))])
  const bundle = await node.pack(['lab/a:v1', 'lab/b:v1'], { referrers: true })
  const other = await node.pack(['lab/b:v1', 'lab/a:v1', 'lab/b:v1'], { referrers: true })
  t.ok(bundle.equals(other))
})

t.test('an image that was asked for by its digest moves no tag', async t => {
  const [from, to] = [await open(t), await open(t)]
  await from.bringImages([named(one, 'lab/a:latest'), named(two, 'lab/b:v1')])
  const references = [`lab/a@${one.digest}`, `lab/b:v1@${two.digest}`]
  const { images } = await to.bring(await from.pack(references))
  t.strictSame(
    images.map(({ reference, digest }) => [reference, digest]),
    [
      [undefined, one.digest],
      [undefined, two.digest],
    ],
  )
  t.equal(to.ledger.live(key('lab/a:latest')), undefined)
  t.equal(to.ledger.live(key('lab/b:v1')), undefined)
  t.ok(to.store.stat(one.digest))
})

t.test('pins are carried as they were set, and so are their ends', async t => {
  const [from, to] = [await open(t), await open(t)]
  await from.bringImages([named(one, 'lab/a:v1')])
  const target = { digest: one.digest, mediaType: one.mediaType, size: one.size }
  await from.ledger.setPin(key('lab/a:v1'), target, { note: 'known to work', author: 'ada' })
  await from.bringImages([named(two, 'lab/a:v1')])
  const bundle = await from.pack([], { pinned: true })
  t.strictSame(await blobsIn(bundle), [...one.blobs.keys()].sort())
  await to.bring(bundle)
  t.strictSame(to.ledger.pin(key('lab/a:v1')), from.ledger.pin(key('lab/a:v1')))
  t.equal(to.ledger.live(key('lab/a:v1')), undefined, 'a pin is no observation')
  t.strictSame(
    to.replication.recordsOf(key('lab/a:v1')),
    from.replication.recordsOf(key('lab/a:v1')).slice(-1),
  )

  await from.ledger.removePin(key('lab/a:v1'), 'ada')
  await from.ledger.setPin(key('lab/a:v2'), target, {})
  await to.bring(await from.pack([], { pinned: true }))
  t.equal(to.ledger.pin(key('lab/a:v1')), undefined, 'nobody asked for the image of that tag')
  t.equal(to.ledger.pin(key('lab/a:v2'))?.digest, one.digest)
  await to.bring(bundle)
  t.equal(to.ledger.pin(key('lab/a:v1')), undefined, 'an older bundle brings no pin back')
})

t.test('the end of a pin goes with its tag, whether pins were asked for or not', async t => {
  const [from, to] = [await open(t), await open(t)]
  await from.bringImages([named(one, 'lab/a:v1')])
  const target = { digest: one.digest, mediaType: one.mediaType, size: one.size }
  await from.ledger.setPin(key('lab/a:v1'), target, {})
  await to.bring(await from.pack(['lab/a:v1']))
  t.equal(to.ledger.pin(key('lab/a:v1'))?.digest, one.digest)
  await from.ledger.removePin(key('lab/a:v1'))
  await to.bring(await from.pack(['lab/a:v1']))
  t.equal(to.ledger.pin(key('lab/a:v1')), undefined)
  t.equal(to.ledger.live(key('lab/a:v1'))?.digest, one.digest)
})

t.test('a pin by a node that is no operator here is told and not taken', async t => {
  const [from, to] = [await open(t), await open(t)]
  await from.bringImages([named(one, 'lab/a:v1')])
  const target = { digest: one.digest, mediaType: one.mediaType, size: one.size }
  await from.ledger.setPin(key('lab/a:v1'), target, {})
  await to.bringImages([named(two, 'lab/a:v1')])
  await from.bringImages([named(three, 'lab/a:v1')])
  to.replication.setOperators([])
  const bundle = await from.pack(['lab/a:v1'])
  const { warnings } = await to.bring(bundle)
  t.match(
    warnings.join(),
    /the pin of .*lab\/a:v1 was not taken: node .{12}, which set it, is no op/,
  )
  t.equal(to.ledger.pin(key('lab/a:v1')), undefined)
  t.equal(to.ledger.live(key('lab/a:v1'))?.digest, two.digest, 'and moves no tag')
  const third = await open(t)
  third.replication.setOperators([])
  await third.bring(bundle)
  t.equal(third.ledger.live(key('lab/a:v1'))?.digest, one.digest, 'where nothing is known')
})

t.test('a bundle that was changed by somebody moves no tag', async t => {
  const [from, to] = [await open(t), await open(t)]
  await from.bringImages([named(one, 'lab/a:v1')])
  await to.bringImages([named(two, 'lab/a:v1')])
  const plain = await unpack(await from.pack(['lab/a:v1']))
  const signature = from.replication.recordsOf(key('lab/a:v1'))[0]?.signature as Uint8Array
  for (const { name, data } of plain) {
    const at = name === 'holdfast/records' ? data.indexOf(signature) : -1
    if (at >= 0) data.writeUInt8((data[at] ?? 0) ^ 1, at)
  }
  await to.bring(tar(plain))
  t.equal(to.ledger.live(key('lab/a:v1'))?.digest, two.digest)
})

t.test('an export of what is not here names it', async t => {
  const node = await open(t)
  const ref = 'docker.io/lab/a:v1'
  t.throws(
    () => node.plan(['lab/a:v1']),
    new NotHere(`${ref} is not here, or not all of it is; \`holdfast warm ${ref}\` fetches it`),
  )
  t.throws(() => node.plan([], { pinned: true }), { message: /nothing is pinned; name images/ })
})

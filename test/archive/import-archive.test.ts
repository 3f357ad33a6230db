import { gzipSync, zstdCompressSync } from 'node:zlib'
import t from 'tap'
import { uniteStores } from '../../src/keep/unite-stores.ts'
import { type Digest, digestOf } from '../../src/oci/digest.ts'
import { parseReference, type TagReference } from '../../src/oci/reference.ts'
import { makeImage, makeReferrer, makeSingleImage } from '../support/image.ts'
import { createMemoryStore } from '../support/memory-store.ts'
import { tar } from '../support/tar.ts'
import { createImporting, fullName, layoutOf, piecesOf, readFixture, savedOf } from './support.ts'

function tag(text: string): TagReference {
  const { registry, repository, tag = 'latest' } = parseReference(text)
  return { registry, repository, tag }
}

const image = makeImage({ attestations: true })
const entries = layoutOf([{ image, annotations: fullName('docker.io/lab/bb:v1') }])

t.test('an OCI layout is imported under its full name', async t => {
  const node = await createImporting()
  const report = await node.importEntries(entries)
  t.strictSame(report, {
    images: [
      {
        reference: 'docker.io/lab/bb:v1',
        digest: image.digest,
        platforms: ['linux/amd64', 'linux/arm64'],
        isComplete: true,
      },
    ],
    addedBytes: [...image.blobs.values()].reduce((sum, { length }) => sum + length, 0),
    warnings: [],
  })
  const { digest, mediaType, size, source } = node.ledger.live(tag('lab/bb:v1')) ?? {}
  t.strictSame(
    { digest, mediaType, size, source },
    { digest: image.digest, mediaType: image.mediaType, size: image.size, source: 'import' },
  )
  t.strictSame(node.digests(), [...image.blobs.keys()].sort())
  t.ok(node.graph.isServedUnder(image.digest, tag('lab/bb:v1'), () => true))
  t.notOk(node.graph.isServedUnder(image.digest, tag('lab/other:v1'), () => true))
  t.equal(node.held.size, 0)
})

for (const [compression, pack] of [
  ['gzip', gzipSync],
  ['zstd', zstdCompressSync],
  ['gzip in two members', (bytes: Buffer) => halves(bytes, gzipSync)],
  ['zstd in two frames', (bytes: Buffer) => halves(bytes, zstdCompressSync)],
] as const) {
  t.test(`so is one that is packed with ${compression}`, async t => {
    const node = await createImporting()
    await node.import(pack(tar(entries)))
    t.equal(node.ledger.live(tag('lab/bb:v1'))?.digest, image.digest)
    t.strictSame(node.digests(), [...image.blobs.keys()].sort())
  })
}

for (const name of [
  'image.tar.bz2',
  'two-streams.tar.bz2',
  'linked-blocks.tar.lz4',
  'two-frames.tar.lz4',
]) {
  t.test(`so is ${name}`, async t => {
    const node = await createImporting()
    const [imported] = (await node.import(readFixture(name))).images
    t.match(imported, { reference: 'docker.io/lab/bb:v1' })
  })
}

function halves(bytes: Buffer, pack: (part: Buffer) => Buffer): Buffer {
  const middle = bytes.length >> 1
  return Buffer.concat([pack(bytes.subarray(0, middle)), pack(bytes.subarray(middle))])
}

t.test(
  'the name is the full one, else the reference, else a tag of the repository that was said',
  async t => {
    const node = await createImporting()
    const other = makeSingleImage({ salt: 'other' })
    const third = makeSingleImage({ salt: 'third' })
    const ref = (name: string) => ({ 'org.opencontainers.image.ref.name': name })
    const named = [
      { image, annotations: { ...ref('ignored'), ...fullName('quay.io/a/b:1') } },
      { image: other, annotations: ref('docker.io/lab/other') },
      { image: third, annotations: ref('v3') },
    ]
    const { images, warnings } = await node.importEntries(layoutOf(named), {
      within: tag('lab/third'),
    })
    const references = images.map(({ reference }) => reference)
    t.strictSame(references, [
      'quay.io/a/b:1',
      'docker.io/lab/other:latest',
      'docker.io/lab/third:v3',
    ])
    t.strictSame(warnings, [
      'quay.io is not among the upstreams: clients are not answered about it',
    ])
    t.equal(node.ledger.live(tag('lab/third:v3'))?.digest, third.digest)
  },
)

t.test('missing platforms are tolerated, also where the node has none of its own', async t => {
  const amd = image.for('linux/amd64')
  const arm = image.for('linux/arm64')
  const named = [{ image, annotations: fullName('lab/bb') }]
  const node = await createImporting()
  const without = [...amd.blobs.keys()]
  const [onlyArm] = (await node.importEntries(layoutOf(named, { without }))).images
  t.strictSame(onlyArm?.platforms, ['linux/arm64'])
  t.equal(onlyArm?.isComplete, false)
  const [both] = (await node.importEntries(layoutOf(named, { without: [...arm.blobs.keys()] })))
    .images
  t.strictSame(both?.platforms, ['linux/amd64', 'linux/arm64'], 'the rest was here')
  t.equal(both?.isComplete, true)
})

t.test('an image that no index tells the platform of is for what its config names', async t => {
  const node = await createImporting()
  const bring = async (platform: string, flavour: 'oci' | 'docker') => {
    const single = makeSingleImage({ platform, flavour, salt: platform })
    const named = [{ image: single, annotations: fullName('lab/single') }]
    const { images, warnings } = await node.importEntries(layoutOf(named))
    return { ...images[0], warnings }
  }
  t.match(await bring('linux/arm64', 'oci'), {
    platforms: ['linux/arm64'],
    isComplete: false,
    warnings: [/docker.io\/lab\/single:latest is not for this node's platform/],
  })
  t.match(await bring('linux/amd64', 'docker'), {
    platforms: ['linux/amd64'],
    isComplete: true,
    warnings: [],
  })
  const artifact = makeReferrer({ subject: image })
  const named = [{ image: artifact, annotations: fullName('lab/artifact') }]
  t.match((await node.importEntries(layoutOf(named))).images, [
    { platforms: ['unknown'], isComplete: true },
  ])
})

t.test('a newer archive moves the tag, and the older image stays', async t => {
  const node = await createImporting()
  await node.importEntries(entries)
  const newer = makeImage({ salt: 'newer' })
  await node.importEntries(layoutOf([{ image: newer, annotations: fullName('lab/bb:v1') }]))
  t.equal(node.ledger.live(tag('lab/bb:v1'))?.digest, newer.digest)
  t.ok(node.store.stat(image.digest))
})

t.test('a signature goes with its image', async t => {
  const node = await createImporting()
  const signature = makeReferrer({ subject: image })
  await node.importEntries(
    layoutOf([{ image, annotations: fullName('lab/bb') }, { image: signature }]),
  )
  t.strictSame(
    node.graph.referrers(image.digest).map(({ digest }) => digest),
    [signature.digest],
  )
})

t.test('what docker save writes is converted, and to the same digest everywhere', async t => {
  const saved = makeSingleImage({ flavour: 'docker', layers: [1000, 2000] })
  const other = makeSingleImage({ flavour: 'docker', salt: 'other', platform: 'linux/arm64' })
  const archive = savedOf([
    { image: saved, tags: ['lab/saved:v1', 'lab/saved:latest'] },
    { image: other, tags: ['lab/other:v1'] },
  ])
  const [here, there] = [await createImporting(), await createImporting()]
  const { images } = await here.importEntries(archive)
  await there.import(gzipSync(tar(archive.toReversed())))
  t.strictSame(
    images.map(({ reference }) => reference),
    ['docker.io/lab/saved:v1', 'docker.io/lab/saved:latest', 'docker.io/lab/other:v1'],
  )
  t.strictSame(here.digests(), there.digests())
  const live = here.ledger.live(tag('lab/saved:v1'))
  t.equal(live?.digest, here.ledger.live(tag('lab/saved'))?.digest)
  t.equal(live?.digest, there.ledger.live(tag('lab/saved:v1'))?.digest)
  const manifest = (
    await here.store.get(live?.digest ?? digestOf(Buffer.alloc(0)), 10_000)
  )?.toString()
  const layers = saved.layers.length
  const blob = (type: string) =>
    `{"mediaType":"${type}","digest":"sha256:[0-9a-f]{64}","size":[0-9]+}`
  t.match(
    manifest,
    new RegExp(
      `^{"schemaVersion":2,"mediaType":"application/vnd.docker.distribution.manifest.v2\\+json","config":${blob('application/vnd.docker.container.image.v1\\+json')},"layers":\\[(${blob('application/vnd.docker.image.rootfs.diff.tar')},?){${layers}}\\]}$`,
    ),
    'as containerd writes it',
  )
})

t.test('the links of docker save are followed', async t => {
  const saved = makeSingleImage({ flavour: 'docker' })
  const archive = savedOf([{ image: saved, tags: ['lab/saved'] }]).map(entry =>
    entry.name === 'manifest.json'
      ? {
          ...entry,
          data: String(entry.data).replace(/"[0-9a-f]{64}\/layer.tar"/, '"second/layer.tar"'),
        }
      : entry,
  )
  const layer = archive.find(({ name }) => name.endsWith('/layer.tar'))?.name
  const [plain, linked] = [await createImporting(), await createImporting()]
  await plain.importEntries(savedOf([{ image: saved, tags: ['lab/saved'] }]))
  await linked.importEntries([
    ...archive,
    { name: 'second/layer.tar', type: 'symlink', target: `../${layer}` },
  ])
  t.strictSame(linked.digests(), plain.digests())
})

t.test('what nobody refers to does not stay', async t => {
  const node = await createImporting()
  const stray = Buffer.from('nobody names me')
  await node.importEntries([
    ...entries,
    { name: `blobs/${digestOf(stray).replace(':', '/')}`, data: stray },
  ])
  t.strictSame(node.digests(), [...image.blobs.keys()].sort())
})

t.test('of an archive that is refused nothing stays but what others came to rely on', async t => {
  const node = await createImporting()
  const [layer] = image.for('linux/amd64').layers
  if (layer === undefined) throw new Error('no layer')
  node.wanted.add(layer.digest)
  const broken = tar(entries).subarray(0, -1024 - 512)
  await t.rejects(node.import(broken), { name: 'ArchiveRefusal', code: 'tar' })
  t.strictSame(node.digests(), [layer.digest])
  t.equal(node.ledger.live(tag('lab/bb:v1')), undefined)
  t.equal(node.held.size, 0)
})

t.test('what was here before a refused archive came is here after it', async t => {
  const node = await createImporting()
  await node.importEntries(entries)
  await t.rejects(node.importEntries(entries.filter(({ name }) => name !== 'index.json')))
  t.strictSame(node.digests(), [...image.blobs.keys()].sort())
})

t.test('what the neighbour has of it is not stored twice, unless it is damaged there', async t => {
  const [own, theirs] = [createMemoryStore(), createMemoryStore()]
  for (const [digest, bytes] of image.blobs) await theirs.put(digest, bytes)
  const [damaged] = image.blobs.keys()
  if (damaged === undefined) throw new Error('no blobs')
  theirs.damage(damaged)
  const { open } = theirs
  Object.assign(theirs, {
    async open(digest: Digest) {
      // As containerd's: hashed before it is given, and held no more when it is not sound.
      if (digest === damaged) await theirs.delete(digest)
      return open(digest)
    },
  })
  const node = await createImporting(
    Object.assign(uniteStores(own, theirs), { damage: own.damage }),
  )
  await node.importEntries(entries)
  t.strictSame(
    [...own.list()].map(({ digest }) => digest),
    [damaged],
  )
})

t.test('a store that takes no more is our fault, and leaves nothing', async t => {
  const node = await createImporting(createMemoryStore({ quotaBytes: 2000 }))
  await t.rejects(node.importEntries(entries), { name: 'HoldfastError', code: 'store-full' })
  t.strictSame(node.digests(), [])
})

t.test('what the source throws is told as it is', async t => {
  const node = await createImporting()
  const failure = new Error('the stick was pulled')
  async function* pulled() {
    yield* piecesOf(gzipSync(tar(entries)).subarray(0, 500), 100)
    throw failure
  }
  const { signal } = new AbortController()
  await t.rejects(node.importArchive(pulled(), { signal }), failure)
  t.strictSame(node.digests(), [])
})

t.test('who has no byte yet holds up nobody', async t => {
  const node = await createImporting()
  const ready = Promise.withResolvers<void>()
  async function* slow() {
    await ready.promise
    yield* piecesOf(tar(entries))
  }
  const { signal } = new AbortController()
  const first = node.importArchive(slow(), { signal })
  const other = makeImage({ salt: 'other' })
  const report = await node.importEntries(
    layoutOf([{ image: other, annotations: fullName('docker.io/lab/other:v1') }]),
  )
  t.equal(report.images.length, 1)
  ready.resolve()
  t.equal((await first).images[0]?.digest, image.digest)
})

t.test('an import that is called off leaves nothing', async t => {
  const node = await createImporting()
  const controller = new AbortController()
  async function* slow() {
    yield* piecesOf(tar(entries).subarray(0, 10_000))
    controller.abort()
    yield* piecesOf(tar(entries).subarray(10_000))
  }
  await t.rejects(node.importArchive(slow(), { signal: controller.signal }), { name: 'AbortError' })
  t.strictSame(node.digests(), [])
})

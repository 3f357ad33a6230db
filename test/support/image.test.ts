import { spawnSync } from 'node:child_process'
import { gunzipSync } from 'node:zlib'
import t from 'tap'
import { digestOf } from '../../src/oci/digest.ts'
import { choose, hostPlatform } from '../../src/oci/platform.ts'
import { makeImage, makeReferrer, makeSingleImage } from './image.ts'
import { randomBytesOf } from './layer.ts'

t.test('equal options give equal images, another salt gives another', async t => {
  for (const flavour of ['oci', 'docker'] as const) {
    const options = { flavour, layers: [10, [{ name: 'a', data: 'x' }]] }
    const image = makeImage(options)
    t.equal(makeImage(options).digest, image.digest)
    const other = makeImage({ ...options, salt: 'other' })
    const shared = [...other.blobs.keys()].filter(digest => image.blobs.has(digest))
    t.equal(shared.length, 1, 'only the layer of given files is shared')
  }
})

t.test('every blob lies under its digest, and nothing is missing', async t => {
  const image = makeImage({ attestations: true })
  for (const [digest, bytes] of image.blobs) t.equal(digestOf(bytes), digest)
  for (const { config, layers, digest } of image.manifests) {
    for (const part of [config.digest, ...layers.map(layer => layer.digest), digest]) {
      t.ok(image.blobs.has(part))
    }
  }
  t.equal(image.blobs.get(image.digest), image.bytes)
  t.ok(choose(image.manifests, hostPlatform()))
  t.equal(image.for('linux/arm64'), image.manifests[1])
  t.throws(() => image.for('plan9/mips'), /no plan9/)
})

t.test('a layer is a tar archive that tar unpacks', async t => {
  const image = makeSingleImage({
    layers: [
      [
        { name: 'bin/', type: 'directory' },
        { name: 'bin/tool', data: 'hello', mode: 0o755 },
        { name: 'bin/sh', type: 'symlink', target: 'tool' },
        { name: 'bin/again', type: 'hardlink', target: 'bin/tool' },
      ],
    ],
  })
  const [layer] = image.layers
  const listing = spawnSync('tar', ['-tvzf', '-'], { input: layer?.bytes, encoding: 'utf8' })
  t.equal(listing.status, 0, listing.stderr)
  const lines = listing.stdout.trim().split('\n')
  const found = lines.map(line => line.replace(/ .*\d\d:\d\d /, ' '))
  t.same(found, [
    'drwxr-xr-x bin/',
    '-rwxr-xr-x bin/tool',
    'lrwxrwxrwx bin/sh -> tool',
    'hrw-r--r-- bin/again link to bin/tool',
  ])
})

t.test('a config names the uncompressed layers', async t => {
  const image = makeSingleImage({ layers: [100_000], config: { Cmd: ['/bin/sh'] } })
  const config = JSON.parse(image.config.bytes.toString())
  const [layer] = image.layers
  t.same(config.rootfs.diff_ids, [layer && digestOf(gunzipSync(layer.bytes))])
  t.same(config.config.Cmd, ['/bin/sh'])
  t.ok(layer && layer.size > 100_000, 'does not compress')
})

t.test('foreign layers are named and not there', async t => {
  const image = makeSingleImage({ layers: [1, { foreignUrl: 'https://a.lab/b' }] })
  t.equal(image.layers.length, 1)
  t.equal(image.blobs.size, 3)
  t.equal(JSON.parse(image.bytes.toString()).layers.length, 2)
})

t.test('a referrer points at its subject', async t => {
  const subject = makeImage()
  const referrer = makeReferrer({ subject, payload: 'x' })
  t.match(JSON.parse(referrer.bytes.toString()).subject, { digest: subject.digest })
  t.equal(referrer.layers[0]?.bytes.toString(), 'x')
})

t.test('random bytes depend on their seed alone', async t => {
  t.same(randomBytesOf('a', 300_000).subarray(0, 1000), randomBytesOf('a', 1000))
  t.notSame(randomBytesOf('a', 1000), randomBytesOf('b', 1000))
})

import fc from 'fast-check'
import t from 'tap'
import { digestOf } from '../../src/oci/digest.ts'
import { OciError } from '../../src/oci/errors.ts'
import { maxManifestBytes, mediaTypeOf, parseManifest } from '../../src/oci/manifest.ts'
import { makeImage, makeReferrer, makeSingleImage } from '../support/image.ts'
import { digests } from '../support/words.ts'

const refused = { name: 'OciError', code: 'MANIFEST_INVALID' }
const digest = digestOf(Buffer.from('x'))
const layer = { mediaType: 'application/vnd.oci.image.layer.v1.tar', digest, size: 1 }
const config = { mediaType: 'application/vnd.oci.image.config.v1+json', digest, size: 2 }
const image = { schemaVersion: 2, config, layers: [layer] }
const index = { schemaVersion: 2, manifests: [] }
const ociManifest = 'application/vnd.oci.image.manifest.v1+json'
const ociIndex = 'application/vnd.oci.image.index.v1+json'
const dockerManifest = 'application/vnd.docker.distribution.manifest.v2+json'
const dockerList = 'application/vnd.docker.distribution.manifest.list.v2+json'

const bytesOf = (value: unknown): Buffer => Buffer.from(JSON.stringify(value))
const read = (value: unknown, mediaType?: string) => parseManifest(bytesOf(value), mediaType)

t.test('images of both families are read', async t => {
  for (const flavour of ['oci', 'docker'] as const) {
    const made = makeImage({ flavour, platforms: ['linux/amd64', 'linux/arm/v7'] })
    t.same(parseManifest(made.bytes, made.mediaType), {
      kind: 'index',
      mediaType: made.mediaType,
      manifests: made.manifests.map(({ mediaType, digest, size, platform }) => {
        return { mediaType, digest, size, platform }
      }),
    })
    const [first] = made.manifests
    if (first === undefined) throw new Error('no manifest')
    const { mediaType, config, layers } = first
    const parsed = parseManifest(first.bytes, mediaType)
    t.match(parsed, { kind: 'image', mediaType, config: { digest: config.digest } })
    t.same(
      parsed.kind === 'image' && parsed.layers.map(({ digest, size }) => ({ digest, size })),
      layers.map(({ digest, size }) => ({ digest, size })),
    )
  }
})

t.test('an artifact tells its subject, type and annotations', async t => {
  const subject = makeImage()
  const artifact = makeReferrer({
    subject,
    artifactType: 'application/vnd.example.sbom',
    annotations: { made: 'here' },
  })
  t.match(parseManifest(artifact.bytes), {
    kind: 'image',
    subject: { digest: subject.digest, size: subject.size, mediaType: subject.mediaType },
    artifactType: 'application/vnd.example.sbom',
    annotations: { made: 'here' },
  })
})

t.test('all fields of a descriptor are read', async t => {
  const full = {
    ...layer,
    platform: {
      os: 'windows',
      architecture: 'arm',
      variant: 'v7',
      'os.version': '10.0.1',
      'os.features': ['win32k'],
    },
    annotations: { a: 'b' },
    artifactType: 'x/y',
    urls: ['https://a.lab/b'],
    data: 'eA==',
    more: [1],
  }
  const parsed = read({ ...index, manifests: [full] })
  t.same(parsed.kind === 'index' && parsed.manifests[0], {
    ...layer,
    platform: {
      os: 'windows',
      architecture: 'arm',
      variant: 'v7',
      osVersion: '10.0.1',
      osFeatures: ['win32k'],
    },
    annotations: { a: 'b' },
    artifactType: 'x/y',
    urls: ['https://a.lab/b'],
  })
})

t.test('foreign layers keep their urls', async t => {
  const made = makeSingleImage({ layers: [10, { foreignUrl: 'https://a.lab/b' }] })
  const parsed = parseManifest(made.bytes)
  t.match(parsed.kind === 'image' && parsed.layers[1], { urls: ['https://a.lab/b'] })
})

t.test(
  'a type is claimed by the content, else said by the server, else told by the parts',
  async t => {
    t.equal(read({ ...image, mediaType: dockerManifest }, ociManifest).mediaType, dockerManifest)
    t.equal(read(image, `${dockerManifest}; charset=utf-8`).mediaType, dockerManifest)
    t.equal(read(image, 'application/json').mediaType, ociManifest)
    t.equal(read(index, dockerList).mediaType, dockerList)
    t.equal(mediaTypeOf(bytesOf(image)), ociManifest)
    t.equal(mediaTypeOf(bytesOf(index)), ociIndex)
    const dockerConfig = { ...config, mediaType: 'application/vnd.docker.container.image.v1+json' }
    t.equal(mediaTypeOf(bytesOf({ ...image, config: dockerConfig })), dockerManifest)
    const entry = { ...layer, mediaType: dockerManifest }
    t.equal(mediaTypeOf(bytesOf({ ...index, manifests: [entry] })), dockerList)
    t.equal(mediaTypeOf(Buffer.from(` \n\t${JSON.stringify(index)}`)), ociIndex)
  },
)

t.test('what is no manifest has no type of one', async t => {
  const made = makeSingleImage()
  const others = [
    made.config.bytes,
    ...made.layers.map(blob => blob.bytes),
    Buffer.from(''),
    Buffer.from('{}'),
    Buffer.from('[]'),
    Buffer.from('{"config":'),
    bytesOf({ ...image, manifests: [] }),
    bytesOf({ ...image, schemaVersion: 1 }),
    bytesOf({ ...image, mediaType: config.mediaType }),
    bytesOf({ config: { mediaType: { toString: 1 } } }),
    Buffer.concat([bytesOf(image), Buffer.alloc(maxManifestBytes, ' ')]),
  ]
  for (const bytes of others) t.equal(mediaTypeOf(bytes), undefined)
})

t.test('schema 1 is refused by name', async t => {
  const schema1 = { schemaVersion: 1, name: 'x', tag: 'y', fsLayers: [], history: [] }
  const clear = { ...refused, message: /schema 1 .*not supported/ }
  t.throws(() => read(schema1), clear)
  t.throws(() => read({ schemaVersion: 1 }), clear)
  t.throws(() => read({ ...image, fsLayers: [] }), clear)
  t.throws(() => read(image, 'application/vnd.docker.distribution.manifest.v1+prettyjws'), clear)
  const claimed = { ...image, mediaType: 'application/vnd.docker.distribution.manifest.v1+json' }
  t.throws(() => read(claimed), clear)
})

t.test('a contradiction between type and content is refused', async t => {
  t.throws(() => read({ ...image, mediaType: ociManifest }, ociIndex), refused)
  t.throws(() => read(image, ociIndex), refused)
  t.throws(() => read(index, dockerManifest), refused)
  t.throws(() => read({ ...image, mediaType: ociIndex }), refused)
  t.throws(() => read({ ...index, mediaType: ociManifest }), refused)
  t.throws(() => read({ ...image, manifests: [] }), refused)
  t.throws(() => read({ ...index, layers: [] }, ociIndex), refused)
  t.throws(() => read({ ...image, mediaType: 'application/json' }), refused)
  t.throws(() => read({ ...image, schemaVersion: 3 }), refused)
  t.throws(() => read({ ...image, schemaVersion: '2' }), refused)
})

t.test('faults are refused with their place', async t => {
  const faults: [unknown, RegExp][] = [
    [{ ...image, config: undefined }, /^config: is missing/],
    [{ ...image, config: null }, /^config: is missing/],
    [{ ...image, config: [] }, /^config: must be an object/],
    [{ ...image, config: { ...config, digest: 'sha256:abc' } }, /^config: no sha256/],
    [{ ...image, config: { ...config, digest: undefined } }, /^config: no sha256/],
    [{ ...image, config: { ...config, digest: 7 } }, /^config: digest must be a string/],
    [{ ...image, config: { ...config, mediaType: '' } }, /^config: must have a mediaType/],
    [{ ...image, config: { ...config, mediaType: 'a\r\nb' } }, /^config: must have a mediaType/],
    [{ ...image, layers: {} }, /^layers: must be a list/],
    [{ ...image, layers: [layer, null] }, /^layers\[1\]: must be an object/],
    [{ ...image, layers: [{ ...layer, urls: 'x' }] }, /^layers\[0\]: urls/],
    [{ ...image, layers: [{ ...layer, Digest: digest }] }, /^layers\[0\]: "Digest"/],
    [{ ...image, Layers: [] }, /^manifest: "Layers"/],
    [{ ...image, subject: { ...layer, size: -1 } }, /^subject: size/],
    [{ ...image, annotations: { a: 1 } }, /^annotations must/],
    [{ ...index, manifests: [{ ...layer, platform: 'linux' }] }, /^manifests\[0\]\.platform: /],
    [{ ...index, manifests: [{ ...layer, platform: { os: 1 } }] }, /^manifests\[0\]\.platform: os/],
    [[], /^manifest: must be an object/],
    [null, /^manifest: must be an object/],
    [{}, /neither/],
  ]
  for (const [value, message] of faults) t.throws(() => read(value), { ...refused, message })
})

t.test('a size is a whole number of bytes', async t => {
  for (const size of ['-1', '1.5', '1e400', '9007199254740992', '"1"', 'null', '[]', 'true']) {
    const text = JSON.stringify(image).replace('"size":1', `"size":${size}`)
    t.throws(() => parseManifest(Buffer.from(text)), { ...refused, message: /size/ }, size)
  }
  for (const size of ['0', '-0', '9007199254740991']) {
    const text = JSON.stringify(image).replace('"size":1', `"size":${size}`)
    const parsed = parseManifest(Buffer.from(text))
    t.ok(parsed.kind === 'image' && Object.is(parsed.layers[0]?.size, Math.abs(Number(size))))
  }
})

t.test('a manifest has a greatest size', async t => {
  const room = maxManifestBytes - bytesOf(image).length
  t.ok(parseManifest(Buffer.concat([bytesOf(image), Buffer.alloc(room, ' ')])))
  const tooLarge = Buffer.concat([bytesOf(image), Buffer.alloc(room + 1, ' ')])
  t.throws(() => parseManifest(tooLarge), { ...refused, message: /4194305 bytes/ })
})

t.test('keys of Object.prototype change nothing', async t => {
  const text = JSON.stringify(image).replace(
    '{',
    '{"__proto__":{"layers":[1],"subject":1},"constructor":1,"toString":null,',
  )
  t.same(parseManifest(Buffer.from(text)), { ...read(image) })
  t.throws(() => read({ layers: [], config: { mediaType: { toString: 1 }, digest: 1 } }), refused)
  t.equal(Reflect.get({}, 'layers'), undefined)
})

t.test('absent and null lists are empty', async t => {
  t.match(read({ ...image, layers: null }), { kind: 'image', layers: [] })
  t.match(read({ schemaVersion: 2, mediaType: ociIndex, manifests: null }), { manifests: [] })
})

const descriptors = fc.record(
  {
    mediaType: fc.constantFrom(ociManifest, layer.mediaType, 'x/y'),
    digest: digests,
    size: fc.maxSafeNat(),
    annotations: fc.dictionary(fc.string(), fc.string()),
    artifactType: fc.string(),
    urls: fc.array(fc.webUrl(), { maxLength: 3 }),
    platform: fc.record({ os: fc.string(), architecture: fc.string(), variant: fc.string() }),
  },
  { requiredKeys: ['mediaType', 'digest', 'size'] },
)

t.test('what is written as a manifest is read back', async t => {
  const list = fc.array(descriptors, { maxLength: 5 })
  fc.assert(
    fc.property(list, descriptors, fc.option(descriptors), (parts, config, subject) => {
      const shared = { schemaVersion: 2, subject }
      const expected = subject === null ? {} : { subject }
      t.same(read({ ...shared, manifests: parts }, ociIndex), {
        kind: 'index',
        mediaType: ociIndex,
        manifests: parts,
        ...expected,
      })
      t.same(read({ ...shared, config, layers: parts }, ociManifest), {
        kind: 'image',
        mediaType: ociManifest,
        config,
        layers: parts,
        ...expected,
      })
    }),
    { numRuns: 50 },
  )
})

t.test('no bytes and no values make the parsers throw anything but an OciError', async () => {
  const keys = fc.constantFrom('mediaType', 'config', 'layers', 'manifests', 'digest', 'size')
  const shapes = fc.dictionary(keys, fc.oneof(fc.jsonValue(), descriptors, fc.array(descriptors)))
  const inputs = fc.oneof(
    fc.uint8Array(),
    fc.json().map(text => Buffer.from(text)),
    shapes.map(bytesOf),
  )
  fc.assert(
    fc.property(inputs, fc.option(fc.string(), { nil: undefined }), (bytes, mediaType) => {
      mediaTypeOf(bytes)
      try {
        parseManifest(bytes, mediaType)
      } catch (error) {
        if (!(error instanceof OciError)) throw error
      }
    }),
    { numRuns: 500 },
  )
})

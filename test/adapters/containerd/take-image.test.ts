import { join } from 'node:path'
import t, { type Test } from 'tap'
import { type Digest, digestOf } from '../../../src/oci/digest.ts'
import { parseManifest } from '../../../src/oci/manifest.ts'
import type { HandedImage } from '../../../src/ports/neighbour-store.ts'
import { makeImage, type TestImage } from '../../support/image.ts'
import { createMemoryStore } from '../../support/memory-store.ts'
import { startFakeContainerd } from './fake-containerd.ts'
import { eventually, folderOf, follow, reaches } from './support.ts'

const repository = { registry: 'registry.lab', repository: 'lab/app' }
const source = 'containerd.io/distribution.source.registry.lab'
const reference = 'containerd.io/gc.ref.content'
const name = 'registry.lab/lab/app:1'
const image = makeImage({ platforms: ['linux/amd64'], layers: [3_000_000, 300] })
const { signal } = new AbortController()

function handed(from: TestImage): HandedImage {
  const manifests = new Map([from, ...from.manifests].map(each => [each.digest, each]))
  const blobs = [...from.blobs].map(([digest, bytes]) => {
    const manifest = manifests.get(digest)
    const content = manifest && parseManifest(manifest.bytes, manifest.mediaType)
    return { digest, size: bytes.length, content }
  })
  const { digest, mediaType, size } = from
  return { digest, mediaType, size, repository, tag: '1', blobs }
}

async function open(t: Test) {
  const fake = await startFakeContainerd({ socket: join(await folderOf(t), 'c.sock') })
  t.teardown(() => fake.stop())
  const neighbour = follow(t, fake.socket)
  await reaches(neighbour, 'connected')
  const store = createMemoryStore()
  return {
    fake,
    neighbour,
    store,
    labels: (digest: string) => fake.writes.info({ digest })?.info.labels ?? {},
    async take(from: TestImage, until = signal) {
      for (const [digest, bytes] of from.blobs) await store.put(digest, bytes)
      await neighbour.take(handed(from), store.open, until)
    },
  }
}

t.test('an image is there with all its blobs, labels and names, and no lease is left', async t => {
  const { fake, neighbour, labels, take } = await open(t)
  await take(image)
  const [manifest] = image.manifests
  const byDigest = `registry.lab/lab/app@${image.digest}`
  for (const each of [name, byDigest]) {
    t.equal(fake.target(each), image.digest)
    t.strictSame(fake.labels(each), {
      'io.cri-containerd.pinned': 'pinned',
      'io.holdfast.imported': name,
      ...(each === byDigest && { 'io.holdfast.named': 'true' }),
    })
  }
  for (const [digest, bytes] of image.blobs) {
    await eventually(`${digest} is listed`, () => neighbour.stat(digest) !== undefined)
    t.ok((await neighbour.get(digest, bytes.length))?.equals(bytes), digest)
    t.equal(labels(digest)[source], 'lab/app')
  }
  t.strictSame(labels(image.digest), {
    [source]: 'lab/app',
    [`${reference}.m.0`]: manifest?.digest,
  })
  t.strictSame(labels(manifest?.digest ?? ''), {
    [source]: 'lab/app',
    [`${reference}.config`]: manifest?.config.digest,
    [`${reference}.l.0`]: manifest?.layers[0]?.digest,
    [`${reference}.l.1`]: manifest?.layers[1]?.digest,
  })
  t.strictSame(fake.leases(), [])
  t.equal(fake.writes.arriving.size, 0)
})

t.test('what is there already is not read, and gets the labels it lacks', async t => {
  const { fake, neighbour, labels, take } = await open(t)
  await take(image)
  const read: string[] = []
  const other = { ...handed(image), repository: { ...repository, repository: 'lab/other' } }
  await neighbour.take(other, async digest => void read.push(digest), signal)
  t.strictSame(read, [])
  t.equal(labels(image.digest)[source], 'lab/app,lab/other')
  const updates = fake.calls.get('updateContent')
  await neighbour.take(other, async () => undefined, signal)
  t.equal(fake.calls.get('updateContent'), updates, 'nothing is changed twice')
})

t.test('names and pins that others had given are told apart', async t => {
  const { fake, take } = await open(t)
  const pinned = { 'io.cri-containerd.pinned': 'pinned' }
  const byDigest = `registry.lab/lab/app@${image.digest}`
  fake.addImage(name, image, pinned)
  fake.addImage(byDigest, image)
  const isImported = { ...pinned, 'io.holdfast.imported': name }
  for (const _ of ['first', 'again']) {
    await take(image)
    t.strictSame(fake.labels(name), { ...isImported, 'io.holdfast.pinned-before': 'true' })
    t.strictSame(fake.labels(byDigest), isImported)
  }
})

t.test('a tag that moves takes the pin from its image before, and from no other', async t => {
  const { fake, take } = await open(t)
  await take(image)
  const pinned = { 'io.cri-containerd.pinned': 'pinned' }
  fake.addImage('registry.lab/lab/foreign:1', image, pinned)
  fake.addImage(name, image, { ...fake.labels(name), 'io.cri-containerd.image': 'managed' })
  const newer = makeImage({ platforms: ['linux/amd64'], salt: 'newer' })
  await take(newer)
  t.equal(fake.target(name), newer.digest)
  t.strictSame(fake.labels(name), { ...pinned, 'io.holdfast.imported': name }, 'CRI looks anew')
  t.strictSame(fake.labels(`registry.lab/lab/app@${image.digest}`), {})
  t.strictSame(fake.labels('registry.lab/lab/foreign:1'), pinned)
})

t.test('what is not what its digest says is refused, and nothing stays', async t => {
  const { fake, neighbour, store, take } = await open(t)
  const layer = image.manifests[0]?.layers[0]
  if (layer === undefined) throw new Error('no layer')
  const lie = { digest: digestOf(Buffer.from('x')), size: layer.size, content: undefined }
  for (const [digest, bytes] of image.blobs) await store.put(digest, bytes)
  const wrong = { ...handed(image), blobs: [lie] }
  const opening = neighbour.take(wrong, () => store.open(layer.digest), signal)
  await t.rejects(opening, { message: /FAILED_PRECONDITION/ })
  t.equal(fake.writes.arriving.size, 0)
  t.strictSame(fake.leases(), [])
  t.equal(fake.target(name), undefined)
  await take(image)
  t.equal(fake.target(name), image.digest)
})

t.test('what is collected while its image comes in is told, and comes again', async t => {
  const { fake, neighbour, store, take } = await open(t)
  for (const [digest, bytes] of image.blobs) await store.put(digest, bytes)
  const blobs: readonly Digest[] = handed(image).blobs.map(({ digest }) => digest)
  const [first = image.digest, last] = [blobs[0], blobs.at(-1)]
  const opening = neighbour.take(
    handed(image),
    async digest => {
      if (digest === last) await fake.delete(first)
      return store.open(digest)
    },
    signal,
  )
  await t.rejects(opening, { message: `${first} was collected while its image came in` })
  await take(image)
  t.ok(fake.writes.info({ digest: first }))
})

t.test('a containerd that takes no bytes says why, and is left when the import is', async t => {
  const { fake, take } = await open(t)
  fake.writes.refuse('loudly')
  await t.rejects(take(image), { message: /RESOURCE_EXHAUSTED/ })
  fake.writes.refuse('silently')
  const leaving = new AbortController()
  const taking = take(image, leaving.signal)
  setTimeout(() => leaving.abort(), 50)
  await t.rejects(taking, { name: 'AbortError' })
  t.strictSame(fake.leases(), [])
  t.equal(fake.target(name), undefined)
})

t.test(
  'what went from the store meanwhile is told, and so is a containerd that is away',
  async t => {
    const { fake, neighbour } = await open(t)
    const taking = () => neighbour.take(handed(image), async () => undefined, signal)
    await t.rejects(taking(), { message: /went meanwhile/ })
    await fake.stop()
    await reaches(neighbour, 'absent')
    await t.rejects(taking(), { message: /containerd is absent/ })
  },
)

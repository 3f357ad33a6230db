import { join } from 'node:path'
import t, { type Test } from 'tap'
import type { Digest } from '../../../src/oci/digest.ts'
import type { NeighbourStore } from '../../../src/ports/neighbour-store.ts'
import { makeBlob } from '../../ports/content-store.support.ts'
import { type FakeContainerd, startFakeContainerd } from './fake-containerd.ts'
import { eventually, folderOf, follow, reaches } from './support.ts'

const mediaType = 'application/vnd.oci.image.manifest.v1+json'
const pinned = { 'io.cri-containerd.pinned': 'pinned' }
const ours = { ...pinned, 'io.holdfast.protected': 'true' }
const name = 'registry.lab/app:1'

async function open(t: Test) {
  const fake = await startFakeContainerd({ socket: join(await folderOf(t), 'c.sock') })
  t.teardown(() => fake.stop())
  const { content, digest } = makeBlob(10)
  await fake.put(digest, content)
  const target = { digest, mediaType, size: 10 }
  const store = follow(t, fake.socket)
  await reaches(store, 'connected')
  const labelled = (name: string, labels: object) =>
    eventually(`${name} has ${JSON.stringify(labels)}`, () => {
      return JSON.stringify(fake.labels(name)) === JSON.stringify(labels)
    })
  const leased = (...digests: Digest[]) =>
    eventually(`leased: ${digests}`, () => fake.leased()?.join() === digests.join())
  return { fake, store, digest, target, labelled, leased }
}

/** A blob comes, and all is listed anew: what was to be done with the list before is done. */
async function seesAnother(
  fake: FakeContainerd,
  store: NeighbourStore,
  bytes: number,
): Promise<void> {
  const { content, digest } = makeBlob(bytes)
  await fake.put(digest, content)
  await eventually('another blob is seen', () => store.stat(digest) !== undefined)
}

t.test(
  'an image that is wanted is labelled under each of its names, its content leased',
  async t => {
    const { fake, store, digest, target, labelled, leased } = await open(t)
    const names = [name, `registry.lab/app@${digest}`, 'sha256:of-its-config']
    for (const each of names) fake.addImage(each, target, { other: 'label' })
    store.protect(new Set([digest]))
    for (const each of names) await labelled(each, { other: 'label', ...ours })
    await leased(digest)

    store.protect(new Set())
    for (const each of names) await labelled(each, { other: 'label' })
    await leased()
  },
)

t.test('what an earlier process protected stays so until it is said what is to be', async t => {
  const { fake, store, digest, target, labelled, leased } = await open(t)
  fake.addImage(name, target)
  store.protect(new Set([digest]))
  await labelled(name, ours)
  await leased(digest)
  await store.close()
  const next = follow(t, fake.socket)
  await reaches(next, 'connected')
  for (const bytes of [20, 21]) await seesAnother(fake, next, bytes)
  await leased(digest)
  t.strictSame(fake.labels(name), ours)
  next.protect(new Set())
  await labelled(name, {})
  await leased()
})

t.test('what is stripped by a pull, or comes later, is protected again', async t => {
  const { fake, store, digest, target, labelled, leased } = await open(t)
  store.protect(new Set([digest]))
  await leased(digest)
  for (let i = 0; i < 3; i++) {
    fake.addImage(name, target)
    await labelled(name, ours)
  }
})

t.test('a tag that moved away from what is wanted is let go', async t => {
  const { fake, store, digest, target, labelled } = await open(t)
  fake.addImage(name, target)
  store.protect(new Set([digest]))
  await labelled(name, ours)
  const other = makeBlob(20)
  await fake.put(other.digest, other.content)
  fake.addImage(name, { ...target, digest: other.digest }, ours)
  await labelled(name, {})
})

t.test('a label that somebody else set is not ours to take away', async t => {
  const { fake, store, digest, target, leased } = await open(t)
  fake.addImage(name, target, pinned)
  store.protect(new Set([digest]))
  await leased(digest)
  store.protect(new Set())
  await leased()
  t.strictSame(fake.labels(name), pinned)
})

t.test('our own changes lead to no further ones', async t => {
  const { fake, store, digest, target, labelled, leased } = await open(t)
  fake.addImage(name, target)
  store.protect(new Set([digest]))
  await labelled(name, ours)
  await leased(digest)
  for (const bytes of [20, 21]) await seesAnother(fake, store, bytes)
  t.equal(fake.calls.get('updateImage'), 1)
  t.equal(fake.calls.get('addResource'), 1)
})

t.test('what is wanted and not there is not leased, and nothing is made for nothing', async t => {
  const { fake, store } = await open(t)
  const before = fake.calls.get('listResources') ?? 0
  store.protect(new Set())
  await eventually('compared', () => (fake.calls.get('listResources') ?? 0) > before)
  t.equal(fake.leased(), undefined)
  store.protect(new Set([makeBlob(5).digest]))
  await eventually('a lease', () => fake.leased() !== undefined)
  t.strictSame(fake.leased(), [])
})

t.test('leases that cannot be had spoil nothing else', async t => {
  const { fake, store, digest, target, labelled } = await open(t)
  fake.refuseLeases()
  fake.addImage(name, target)
  store.protect(new Set([digest]))
  await labelled(name, ours)
  const before = fake.calls.get('listResources') ?? 0
  fake.removeImage(name)
  await eventually('asked again', () => (fake.calls.get('listResources') ?? 0) > before + 1)
  t.equal(store.status().state, 'connected')
})

t.test('it is protected once containerd is there', async t => {
  const socket = join(await folderOf(t), 'c.sock')
  const store = follow(t, socket)
  const { content, digest } = makeBlob(10)
  store.protect(new Set([digest]))
  await reaches(store, 'absent')
  const fake = await startFakeContainerd({ socket })
  t.teardown(() => fake.stop())
  await fake.put(digest, content)
  fake.addImage(name, { digest, mediaType, size: 10 })
  await eventually('protected', () => fake.labels(name)?.['io.cri-containerd.pinned'] === 'pinned')
})

t.test('what happens while containerd is slow to protect is known all the same', async t => {
  const { fake, store, digest, target, labelled } = await open(t)
  store.protect(new Set([digest]))
  const release = fake.holdNext('updateImage')
  fake.addImage(name, target)
  await eventually('it is being protected', () => fake.calls.get('updateImage') === 1)
  fake.addImage('registry.lab/app:2', target)
  await eventually('the second image', () => store.status().images === 2)
  release()
  await labelled('registry.lab/app:2', ours)
  t.equal(fake.calls.get('updateImage'), 2, 'and nothing is changed twice')
})

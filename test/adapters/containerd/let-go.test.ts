import { writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { openApi } from '../../../src/adapters/containerd/api.ts'
import { loadContainerdMethods } from '../../../src/adapters/containerd/definitions.ts'
import { letGoOfImages } from '../../../src/adapters/containerd/let-go.ts'
import { makeBlob } from '../../ports/content-store.support.ts'
import { startFakeContainerd } from './fake-containerd.ts'
import { folderOf } from './support.ts'

const mediaType = 'application/vnd.oci.image.manifest.v1+json'
const pinned = { 'io.cri-containerd.pinned': 'pinned' }
const managed = { 'io.cri-containerd.image': 'managed' }
const isProtected = { ...pinned, 'io.holdfast.protected': 'true' }
const tag = 'registry.lab/app:1'
const cameAs = (name: string) => ({ ...pinned, 'io.holdfast.imported': name })
const spare = (name: string) => ({ ...cameAs(name), 'io.holdfast.named': 'true' })

async function open(t: Test) {
  const fake = await startFakeContainerd({ socket: join(await folderOf(t), 'c.sock') })
  t.teardown(() => fake.stop())
  const made = [1, 2, 3, 4].map(size => ({ digest: makeBlob(size).digest, mediaType, size }))
  const target = (index: number) => made[index - 1] as (typeof made)[number]
  const place = { socket: fake.socket, namespace: 'k8s.io' }
  const api = openApi(loadContainerdMethods(), place, { answerMs: 5_000, listMs: 5_000 })
  t.teardown(() => api.close())
  return { fake, target, api, letGo: () => letGoOfImages(place) }
}

t.test('what is protected is as any other image, and what others pinned stays so', async t => {
  const { fake, target, letGo } = await open(t)
  const names = [tag, 'sha256:of-its-config']
  for (const name of names) fake.addImage(name, target(1), { ...managed, ...isProtected })
  fake.addImage('registry.lab/pause:1', target(2), { ...managed, ...pinned })
  t.strictSame(await letGo(), { leases: [], unpinned: names, names: [] })
  for (const name of names) t.strictSame(fake.labels(name), managed)
  t.strictSame(fake.labels('registry.lab/pause:1'), { ...managed, ...pinned })
  t.strictSame(await letGo(), { leases: [], unpinned: [], names: [] }, 'once is enough')
})

t.test('an imported image stays by the name that it came with', async t => {
  const { fake, target, letGo } = await open(t)
  const [here, moved, later] = [target(1), target(2), target(3)]
  const byDigest = (digest: string) => `registry.lab/app@${digest}`
  fake.addImage(tag, here, cameAs(tag))
  fake.addImage(byDigest(here.digest), here, spare(tag))
  fake.addImage('registry.lab/app:2', later)
  fake.addImage(byDigest(moved.digest), moved, spare('registry.lab/app:2'))
  const alone = byDigest(target(4).digest)
  fake.addImage(alone, target(4), cameAs(alone))
  t.match(await letGo(), {
    unpinned: [tag, byDigest(moved.digest), alone],
    names: [byDigest(here.digest)],
  })
  t.strictSame(fake.labels(tag), {})
  t.equal(fake.target(byDigest(here.digest)), undefined)
  t.strictSame(fake.labels(byDigest(moved.digest)), {}, 'nothing else keeps it')
  t.strictSame(fake.labels(alone), {}, 'it came by its digest')
})

t.test('a name that could not be taken away goes when it is tried again', async t => {
  const { fake, target, api, letGo } = await open(t)
  const byDigest = `registry.lab/app@${target(1).digest}`
  fake.addImage(tag, target(1), cameAs(tag))
  fake.addImage(byDigest, target(1), spare(tag))
  await api.createLease('holdfast')
  fake.failNext('deleteImage')
  await t.rejects(letGo(), { code: 'config-invalid', message: /deleteImage.*see that it runs/ })
  t.strictSame(await letGo(), { leases: ['holdfast'], unpinned: [tag], names: [byDigest] })
  t.equal(fake.target(byDigest), undefined)
})

t.test('names and pins of others stay, also of an image that was imported later', async t => {
  const { fake, target, letGo } = await open(t)
  const byDigest = `registry.lab/app@${target(1).digest}`
  const before = { ...managed, ...pinned, 'io.holdfast.pinned-before': 'true' }
  fake.addImage(tag, target(1), { ...before, ...cameAs(tag) })
  fake.addImage(byDigest, target(1), { ...managed, ...cameAs(tag) })
  t.match(await letGo(), { unpinned: [tag, byDigest], names: [] })
  t.strictSame(fake.labels(tag), { ...managed, ...pinned })
  t.strictSame(fake.labels(byDigest), managed, 'CRI gave it')
})

t.test('what a check left behind goes, by all of its names', async t => {
  const { fake, target, letGo } = await open(t)
  const names = ['holdfast.check/0011:check', 'sha256:of-the-check']
  for (const name of names) fake.addImage(name, target(1), managed)
  fake.addImage('registry.lab/holdfast.check:1', target(2))
  fake.addImage('holdfast.check/0012:check', null)
  fake.addImage('registry.lab/of-nothing:1', null)
  const checks = [...names, 'holdfast.check/0012:check']
  t.strictSame(await letGo(), { leases: [], unpinned: [], names: checks })
  t.not(fake.labels('registry.lab/of-nothing:1'), undefined)
  t.not(fake.target('registry.lab/holdfast.check:1'), undefined)
})

t.test('leases go with what they keep, and those of others stay', async t => {
  const { fake, api, letGo } = await open(t)
  for (const id of ['holdfast', 'holdfast-import-1', 'kubelet', 'holdfasting']) {
    await api.createLease(id)
  }
  t.match(await letGo(), { leases: ['holdfast', 'holdfast-import-1'] })
  t.strictSame(fake.leases(), ['kubelet', 'holdfasting'])
})

t.test('a fault of our own is told as what it is', async t => {
  const { fake } = await open(t)
  const place = { socket: fake.socket, namespace: 'not\na header' }
  await t.rejects(letGoOfImages(place), { name: 'Error', code: undefined })
})

t.test('no containerd is nothing to do; one that does not answer is told', async t => {
  const dir = await folderOf(t)
  const at = (socket: string) => letGoOfImages({ socket: join(dir, socket), namespace: 'k8s.io' })
  t.equal(await at('none.sock'), undefined)
  await writeFile(join(dir, 'file.sock'), '')
  await t.rejects(at('file.sock'), {
    code: 'config-invalid',
    message: /see that it runs, and try again, or remove \S+file\.sock if there is no/,
  })
  const other = createServer(socket => {
    socket.on('error', () => {})
    socket.end('no gRPC')
  }).listen(join(dir, 'other.sock'))
  t.teardown(() => other.close())
  await t.rejects(at('other.sock'), { code: 'config-invalid', message: /other\.sock cannot be/ })
})
